import groovy.transform.CompileStatic

/**
 * Grey values as the network takes them: the lower percentile becomes 0, the upper 1, lower values 0.
 * Nearest ranks, float arithmetic: the plugin's numbers, and those of
 * particlebridge.analysis.starconvex.normalisation in Python.
 */
@CompileStatic
class Normalisation {

	/** The plugin takes grey values whose percentiles are closer for constant. */
	private static final double CONSTANT = 1e-7d
	private static final int BINS = 1 << 16

	final float bottom
	final float factor

	Normalisation(float[] values, double low, double high) {
		float[] ends = percentiles(values, low, high)
		bottom = ends[0]
		float spread = (float) (ends[1] - ends[0])
		// In float as everywhere here; the threshold, too.
		factor = spread < (float) CONSTANT ? 1f : (float) (1f / spread)
	}

	float apply(float value) { Math.max(0f, (float) ((float) (value - bottom) * factor)) }

	/**
	 * The values; where they differ by so little that the plugin would take them for constant, shifted and
	 * multiplied by a power of two. A segmentation does not depend on unit and zero of its grey values.
	 */
	static float[] inReach(float[] values, double low, double high) {
		float[] ends = percentiles(values, low, high)
		double spread = ends[1] - (double) ends[0]
		if (!(spread > 0 && spread < CONSTANT)) return values
		double zero = ends[0]
		double power = Math.scalb(1d, Math.min(-Math.getExponent(spread), 1000))
		float[] result = new float[values.length]
		for (int i = 0; i < values.length; i++) {
			result[i] = (float) Math.max(-1e30d, Math.min(1e30d, (values[i] - zero) * power))
		}
		return result
	}

	/** Values at two percentiles by nearest rank. */
	static float[] percentiles(float[] values, double low, double high) {
		// Sorted by their bits, upper halves first; no copy of a large image is made.
		int[] upper = new int[BINS]
		for (int i = 0; i < values.length; i++) upper[ordered(values[i]) >>> 16]++
		float[] result = new float[2]
		for (int k = 0; k < 2; k++) {
			int rank = nearestRank(values.length, k == 0 ? low : high)
			int bin = 0
			while (rank >= upper[bin]) {
				rank -= upper[bin]
				bin++
			}
			int[] lower = new int[BINS]
			for (int i = 0; i < values.length; i++) {
				int bits = ordered(values[i])
				if ((bits >>> 16) == bin) lower[bits & 0xffff]++
			}
			int rest = 0
			while (rank >= lower[rest]) {
				rank -= lower[rest]
				rest++
			}
			int bits = (bin << 16) | rest
			result[k] = Float.intBitsToFloat(bits < 0 ? bits & 0x7fffffff : ~bits)
		}
		return result
	}

	/** Bits that rise, as unsigned numbers, with the value. */
	private static int ordered(float value) {
		int bits = Float.floatToRawIntBits(value)
		return bits < 0 ? ~bits : bits ^ Integer.MIN_VALUE
	}

	private static int nearestRank(int count, double percentile) {
		float exact = (float) ((float) ((float) (count - 1) * (float) percentile) / 100f)
		return Math.min(Math.max((int) Math.floor(exact + 0.5d), 0), count - 1)
	}
}
