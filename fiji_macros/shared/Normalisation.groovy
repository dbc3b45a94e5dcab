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

	/**
	 * Where values differ by so little that the plugin would take them for constant, they are shifted and
	 * multiplied by a power of two. A segmentation does not depend on unit and zero of its grey values.
	 */
	private final boolean moved
	private final double zero
	private final double power
	private final float bottom
	private final float factor

	Normalisation(Pixels pixels, double low, double high) {
		long count = (long) pixels.h * pixels.w * pixels.channels
		float[] ends = valuesAt(pixels, nearestRank(count, low), nearestRank(count, high))
		double spread = ends[1] - (double) ends[0]
		moved = spread > 0 && spread < CONSTANT
		zero = ends[0]
		power = moved ? Math.scalb(1d, Math.min(-Math.getExponent(spread), 1000)) : 1d
		// Moved values keep their order, so that the percentiles move with them.
		bottom = reached(ends[0])
		float reach = (float) (reached(ends[1]) - bottom)
		// In float as everywhere here; the threshold, too.
		factor = reach < (float) CONSTANT ? 1f : (float) (1f / reach)
	}

	float apply(float value) { Math.max(0f, (float) ((float) (reached(value) - bottom) * factor)) }

	private float reached(float value) {
		return moved ? (float) Math.max(-1e30d, Math.min(1e30d, (value - zero) * power)) : value
	}

	/** The values, moved where they differ by too little. */
	Pixels inReach(Pixels pixels) {
		if (!moved) return pixels
		float[] values = pixels.all()
		for (int i = 0; i < values.length; i++) values[i] = reached(values[i])
		return Pixels.of(values, pixels.h, pixels.w)
	}

	/** What stands at some places, from 0, of the sorted values of all channels. */
	static float[] valuesAt(Pixels pixels, long... ranks) {
		// Sorted by their bits, upper halves first; no copy of a large image is made.
		long[][] upper = new long[1][BINS]
		count(pixels, upper, null)
		int[] bins = new int[ranks.length]
		long[] rests = new long[ranks.length]
		for (int k = 0; k < ranks.length; k++) {
			rests[k] = ranks[k]
			while (rests[k] >= upper[0][bins[k]]) rests[k] -= upper[0][bins[k]++]
		}
		long[][] lower = new long[ranks.length][BINS]
		count(pixels, lower, bins)
		float[] result = new float[ranks.length]
		for (int k = 0; k < ranks.length; k++) {
			int low = 0
			while (rests[k] >= lower[k][low]) rests[k] -= lower[k][low++]
			int bits = (bins[k] << 16) | low
			result[k] = Float.intBitsToFloat(bits < 0 ? bits & 0x7fffffff : ~bits)
		}
		return result
	}

	/** Counts upper halves, or with `bins` for each of these the lower halves of the values in it. */
	private static void count(Pixels pixels, long[][] counts, int[] bins) {
		for (int c = 0; c < pixels.channels; c++) {
			for (int[] rows : Strips.of(pixels.h, pixels.w)) {
				float[] values = pixels.window(c, rows[0], rows[1], 0, pixels.w)
				for (int i = 0; i < values.length; i++) {
					int bits = ordered(values[i])
					if (bins == null) counts[0][bits >>> 16]++
					else for (int k = 0; k < bins.length; k++) if ((bits >>> 16) == bins[k]) counts[k][bits & 0xffff]++
				}
			}
		}
	}

	/** Bits that rise, as unsigned numbers, with the value. */
	private static int ordered(float value) {
		int bits = Float.floatToRawIntBits(value)
		return bits < 0 ? ~bits : bits ^ Integer.MIN_VALUE
	}

	private static long nearestRank(long count, double percentile) {
		float exact = (float) ((float) ((float) (count - 1) * (float) percentile) / 100f)
		return Math.min(Math.max((long) Math.floor(exact + 0.5d), 0L), count - 1)
	}
}
