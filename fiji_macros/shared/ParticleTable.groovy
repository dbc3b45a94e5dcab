import ij.measure.ResultsTable

/** Size, probability and place of each particle, and a line that sums them up, in the units of the image. */
class ParticleTable {

	static ResultsTable of(ImageResult result) {
		def slices = result.slices
		def unit = [um: '\u00b5m', px: 'pixels'].get(slices.unit, slices.unit)
		def columns = ["Area ($unit\u00b2)", "Diameter ($unit)", 'Probability', "X ($unit)", "Y ($unit)"]*.toString()
		def place = slices.count > 1 ? slices.axis.capitalize() : null
		def table = new ResultsTable()
		def rows = result.measured().collect { [it.moments[3], diameter(it.moments[3]), it.probability, it.moments[2], it.moments[1]] }
		result.measured().eachWithIndex { particle, i ->
			add(table, String.format('%04d', particle.label), place, particle.slice, columns, rows[i])
		}
		if (rows) {
			double share = 100d * rows.sum { it[0] } / (slices.count * slices.h * slices.w * (slices.pixelSides() as List).inject { a, b -> a * b })
			add(table, String.format(Locale.ROOT, 'median of %d (%.1f %% of the %s)', rows.size(), share, slices.count > 1 ? 'stack' : 'image'),
				place, '', columns, (0..2).collect { k -> median(rows.collect { it[k] }) } + ['', ''])
			[[0], [1], [2], [3, 4]].each { alike ->
				int places = decimals(median(alike.collectMany { k -> rows.collect { it[k] } }))
				alike.each { table.setDecimalPlaces(table.getColumnIndex(columns[it]), places) }
			}
			if (place) table.setDecimalPlaces(table.getColumnIndex(place), 0)
		} else add(table, 'no particles', null, '', columns, [])
		table.showRowNumbers(false)
		return table
	}

	/** Of the disc of that area. */
	static double diameter(double area) { 2 * Math.sqrt(area / Math.PI) }

	/** So many that three or four digits count, in whatever unit. */
	private static int decimals(double typical) {
		typical > 0 ? Math.max(0, Math.min(9, 3 - (int) Math.ceil(Math.log10(typical)))) : 2
	}

	/** @param place column that tells the slice; null: there is but one */
	private static void add(ResultsTable table, String label, String place, slice, List<String> columns, List values) {
		table.incrementCounter()
		table.addLabel(label)
		if (place) table.addValue(place, slice)
		values.eachWithIndex { value, k -> table.addValue(columns[k], value) }
	}

	private static double median(List values) {
		def sorted = values.sort(false)
		int n = sorted.size()
		return n % 2 == 1 ? sorted[n >> 1] : (sorted[(n >> 1) - 1] + sorted[n >> 1]) / 2
	}
}
