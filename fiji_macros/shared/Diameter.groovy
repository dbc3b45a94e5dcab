/**
 * The typical particle diameter of images nobody has measured, by asking the network itself: the same looks, rule
 * and numbers as particlebridge.bridge.segmenting.diameter in Python, where each of them is explained.
 */
class Diameter {

	private static final double SMALLEST = 6
	private static final double STEP = 1.6d
	private static final int SIDE = 640
	private static final int ROUNDS = 2
	private static final int SEVERAL = 4
	private static final double MORE_PROBABLE = 0.01d
	private static final double PROBABLE = 0.7d
	private static final double FEWER = 0.2d
	private static final double FAR = 2

	private final Segmenter segmenter
	private final List<Look> looks
	private final double trained
	private final double largest

	private Diameter(Segmenter segmenter, List<Look> looks) {
		this.segmenter = segmenter
		this.looks = looks
		trained = segmenter.settings.trained
		double height = looks.collect { it.pixels.h * it.squares[0] }.min()
		double width = looks.collect { it.pixels.w * it.squares[1] }.min()
		largest = Math.max(Math.min(height, width), 2 * SMALLEST)
	}

	/**
	 * What is taken, and why.
	 *
	 * @param unit of the diameters, for people
	 * @return diameter, record, estimate (null: no size is confirmed), probability at the record and at the
	 *	estimate, and told: all of it in one line
	 */
	static Map choose(Segmenter segmenter, List<Look> looks, String unit, String what) {
		def search = new Diameter(segmenter, looks)
		boolean keepsScale = segmenter.bundle.facts.own_scale == true
		Double found = null
		try {
			found = search.estimate()
		} catch (Cancelled stop) {
			throw stop
		} catch (Problem nothing) {
			if (!keepsScale) throw new Problem("$what: $nothing.message (diameter=...)", nothing)
		}
		def atRecord = search.at(search.trained)
		def choice = [diameter: search.trained, recorded_by_model: search.trained, estimate: found,
			probability_at_record: atRecord.probability, probability_at_estimate: 0d]
		if (found != null) {
			def there = search.at(found)
			choice.probability_at_estimate = there.probability
			boolean keeps = keepsScale || there.probability < PROBABLE || (atRecord.probability >= there.probability - MORE_PROBABLE &&
				atRecord.covered >= FEWER * there.covered)
			if (!keeps) choice.diameter = found
		}
		return choice + [told: told(choice, unit)]
	}

	private static String told(Map choice, String unit) {
		def short_ = { double value -> new BigDecimal(value).round(new java.math.MathContext(3)).stripTrailingZeros().toPlainString() }
		def sure = { double value -> String.format(Locale.ROOT, '%.2f', value) }
		def known = short_(choice.recorded_by_model)
		if (choice.estimate == null) {
			return 'warning: no particle diameter is confirmed; the images keep their own scale, as if particles were ' +
				"$known $unit wide, as in the model's training (diameter=... sets it)"
		}
		double ratio = choice.estimate / choice.recorded_by_model
		def warning = 1 / FAR < ratio && ratio < FAR ? '' : 'warning: estimate and model disagree more than twofold; '
		def both = "the estimate is ${short_(choice.estimate)} $unit, the model was trained at $known; mean probability " +
			"of the outlines ${sure(choice.probability_at_estimate)} and ${sure(choice.probability_at_record)}"
		if (choice.diameter == choice.estimate) {
			return "${warning}typical particle diameter: about ${short_(choice.diameter)} $unit ($both; diameter=... sets it)"
		}
		return "${warning}images keep their own scale, particles taken for ${short_(choice.diameter)} $unit wide " +
			"($both; diameter=... sets it)"
	}

	/** The size that the network confirms; null: none. */
	private Double estimate() {
		int steps = (int) Math.ceil(Math.log(largest / SMALLEST) / Math.log(STEP)) + 1
		def trials = (0..<steps).collect {
			at(it == steps - 1 ? largest : SMALLEST * Math.pow(largest / SMALLEST, it / (double) (steps - 1)))
		}
		def place = fixedPoint(trials)
		if (place == null) return null
		double low = Math.max(SMALLEST, place / STEP)
		double high = Math.min(largest, place * STEP)
		double size = place
		ROUNDS.times { size = Math.min(high, Math.max(low, at(size).size ?: size)) }
		return size
	}

	/** Segments as if particles had this diameter. */
	private Map at(double supposed) {
		double zoom = trained / supposed
		def areas = []
		double sure = 0
		double seen = 0
		for (look in looks) {
			def scale = [zoom * look.squares[0], zoom * look.squares[1]] as double[]
			def piece = middle(look.pixels, scale)
			double pixel = look.squares[0] * look.squares[1]
			def found = segmenter.segment(piece, scale, 'an estimate of the particle diameter')
			found.outlines.eachWithIndex { outline, i ->
				def corners = outline.floatPolygon
				double twice = 0
				for (int k = 0; k < corners.npoints; k++) {
					int n = k + 1 < corners.npoints ? k + 1 : 0
					twice += (double) corners.xpoints[k] * corners.ypoints[n] - (double) corners.xpoints[n] * corners.ypoints[k]
				}
				double area = Math.abs(twice) / 2
				areas << area * pixel
				sure += area * pixel * found.rays[i][2]
			}
			seen += pixel * piece.h * piece.w
		}
		double covered = areas.sum() ?: 0
		if (covered == 0) return [supposed: supposed, probability: 0d, covered: 0d, size: 0d, perImage: 0d]
		return [supposed: supposed, probability: sure / covered, covered: covered / seen, size: typical(areas, covered),
			perImage: areas.size() / (double) looks.size()]
	}

	/** The diameter of the disc that half of all area lies below. */
	private static double typical(List<Double> areas, double total) {
		double sum = 0
		def rising = areas.findAll { it > 0 }.sort()
		def median = rising.find {
			sum += it
			sum >= total / 2
		}
		return Math.sqrt((median ?: rising.last()) / (Math.PI / 4))
	}

	private static Double fixedPoint(List<Map> trials) {
		def found = trials.findAll { it.size > 0 }
		if (found.empty) throw new Problem('no particles were found at any scale; give their typical diameter in pixels')
		def crossings = []
		for (int i = 0; i + 1 < found.size(); i++) {
			def (low, high) = [found[i], found[i + 1]]
			double above = Math.log(low.size / low.supposed)
			double below = Math.log(high.size / high.supposed)
			if (!(above > 0 && below <= 0)) continue
			def place = low.supposed * Math.pow(high.supposed / low.supposed, above / (above - below))
			def several = Math.max(low.perImage, high.perImage) >= SEVERAL ? 1 : 0
			crossings << [several, low.probability + high.probability, place]
		}
		crossings.sort { a, b -> a[0] <=> b[0] ?: a[1] <=> b[1] ?: a[2] <=> b[2] }
		return crossings ? crossings.last()[2] : null
	}

	/** The middle of an image, so much that the network gets SIDE squared at most. */
	private static Pixels middle(Pixels image, double[] scale) {
		def keep = [[image.h, scale[0]], [image.w, scale[1]]].collect { int size, double factor ->
			Math.min(size, Math.max(1, (int) Math.rint(SIDE / factor)))
		}
		return image.middle(keep[0], keep[1])
	}
}
