import ij.measure.ResultsTable

/** Size, probability and place of each particle, and a line that sums them up, in the units of the image. */
class ParticleTable {

	static ResultsTable of(ImageResult result) {
		def particles = result.particles
		double[] sides = result.slices.pixelSides()
		def unit = [um: '\u00b5m', px: 'pixels'].get(result.slices.unit, result.slices.unit)
		def columns = ["Area ($unit\u00b2)", "Diameter ($unit)", 'Probability', "X ($unit)", "Y ($unit)"]*.toString()
		def table = new ResultsTable()
		def rows = []
		ImageResult.moments(particles.labels, particles.outlines.size(), *sides).eachWithIndex { m, int i ->
			// A particle that others hide has no pixel of its own.
			if (m[0] == 0) return
			def row = [m[3], diameter(m[3]), particles.rays[i][2], m[2], m[1]]
			add(table, String.format('%04d', i + 1), columns, row)
			rows << row
		}
		if (rows) {
			double share = 100d * rows.sum { it[0] } / (particles.h * sides[0] * particles.w * sides[1])
			add(table, String.format(Locale.ROOT, 'median of %d (%.1f %% of the image)', rows.size(), share), columns,
				(0..2).collect { k -> median(rows.collect { it[k] }) })
			columns.each { table.setDecimalPlaces(table.getColumnIndex(it), it == 'Probability' ? 3 : 2) }
		} else add(table, 'no particles', columns, [])
		table.showRowNumbers(false)
		return table
	}

	/** Of the disc of that area. */
	static double diameter(double area) { 2 * Math.sqrt(area / Math.PI) }

	private static void add(ResultsTable table, String label, List<String> columns, List values) {
		table.incrementCounter()
		table.addLabel(label)
		values.eachWithIndex { value, k -> table.addValue(columns[k], value as double) }
	}

	private static double median(List values) {
		def sorted = values.sort(false)
		int n = sorted.size()
		return n % 2 == 1 ? sorted[n >> 1] : (sorted[(n >> 1) - 1] + sorted[n >> 1]) / 2
	}
}
