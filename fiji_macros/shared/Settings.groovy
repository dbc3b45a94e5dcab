/** What the network and the suppression of overlaps are run with. */
class Settings {

	double prob
	double nms
	double low
	double high
	/** Diameter of the particles in the image, pixels; 0: not known (yet), the image is left at its own scale. */
	double diameter
	/** Diameter the model was trained at, pixels; 0: it records none. */
	double trained
	/** The diameter was neither typed nor drawn: it is estimated from the images. */
	boolean estimated
	/** What it is estimated from. */
	String source
	/** Where an estimated diameter comes from, for records. */
	Map choice

	/** Takes what the user typed; what was left empty comes from the bundle, else 0.5, 0.4, 1 and 99.8. */
	static Settings of(Bundle bundle, String prob, String nms, String percentiles, String diameter) {
		def s = new Settings()
		s.prob = number('The probability threshold', prob, bundle.number('thresholds', 'prob'), 0.5d, 0, 1)
		s.nms = number('The overlap threshold', nms, bundle.number('thresholds', 'nms'), 0.4d, 0, 1)
		def range = bundle.numbers('percentiles') ?: [1.0d, 99.8d]
		if (percentiles?.trim()) {
			range = percentiles.split(/[,;\s]+/).findAll { it }.collect {
				number('A percentile', it, null, 0, 0, 100)
			}
		}
		if (range.size() != 2 || !(0 <= range[0] && range[0] < range[1] && range[1] <= 100)) {
			throw new Problem("The percentiles must be two rising numbers such as 1,99.8, not: ${percentiles ?: range}")
		}
		s.low = range[0]
		s.high = range[1]
		s.trained = bundle.number('diameter') ?: 0
		s.diameter = number('The diameter', diameter, null, 0, 0, 1e6)
		s.estimated = s.diameter == 0 && s.trained > 0
		if (s.diameter > 0 && s.trained == 0) {
			throw new Problem("$bundle.file: this model does not record the diameter it was trained at, " +
				'so images cannot be rescaled to it; leave the diameter empty.')
		}
		return s
	}

	/** Factor from the image's pixels to the network's. */
	double getScale() { diameter > 0 ? trained / diameter : 1.0d }

	/** One line that says all; equal lines give equal results: an estimate follows from the images. */
	String toString() {
		"prob=$prob nms=$nms percentiles=$low,$high diameter=${estimated ? "estimated from $source" : diameter} trained=$trained"
	}

	/** What people shall know of a diameter that they did not give; empty if they did. */
	String toldEstimate() {
		if (choice == null) return ''
		return String.format(Locale.ROOT, ' (particle diameter %.3g pixels, %s)', diameter, diameter == choice.estimate ? 'estimated' : "as in the model's training")
	}

	/** Micrometres as typed, else as the model says, else 0: as the image says. */
	static double pixelSize(Bundle bundle, String typed) {
		return number('The pixel size', typed, bundle.number('pixel_size'), 0, 0, 1e6)
	}

	/** What was typed, else what the model records, else the default; a number within bounds. */
	static double number(String what, String text, Double recorded, double otherwise, double least, double most) {
		if (text?.trim() && !text.trim().isDouble()) throw new Problem("$what must be a number, not: $text")
		double value = text?.trim() ? text.trim().toDouble() : recorded == null ? otherwise : recorded
		if (!(value >= least && value <= most)) {
			throw new Problem("$what must lie between ${plain(least)} and ${plain(most)}, not ${plain(value)}.")
		}
		return value
	}

	private static String plain(double value) {
		value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value)
	}
}
