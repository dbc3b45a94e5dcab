import groovy.transform.CompileStatic

/**
 * Grey values at another size: a separable triangle kernel, widened by the factor when shrinking,
 * weights normalised at the edges; rows first, then columns (docs/numerics.md; the same numbers as
 * particlebridge.analysis.starconvex.resampling in Python). A window gets the same numbers as the whole.
 */
@CompileStatic
class Resampling extends Pixels {

	private final Pixels source

	Resampling(Pixels source, int h, int w) {
		super(h, w, source.channels)
		this.source = source
	}

	/** The values at a size; themselves where that is their own. */
	static Pixels resize(Pixels source, int h, int w) { source.h == h && source.w == w ? source : new Resampling(source, h, w) }

	static int scaledSize(int size, double scale) {
		return Math.max(1, (int) Math.floor(size * scale + 0.5d))
	}

	/** For each pixel of the new grid the one of the old grid that holds its centre. */
	static int[] nearestIndex(int size, int newSize) {
		int[] index = new int[newSize]
		for (int i = 0; i < newSize; i++) {
			index[i] = Math.min(size - 1, (int) Math.floor((i + 0.5d) * (size / (double) newSize)))
		}
		return index
	}

	@Override float[] window(int channel, int top, int bottom, int left, int right) {
		int columns = right - left
		Weights across = new Weights(source.w, w, left, right)
		Weights down = new Weights(source.h, h, top, bottom)
		// Rows of the source, at their new width; each is made once and dropped when no row of the result needs it.
		float[][] rows = new float[source.h][]
		int made = 0, dropped = 0
		float[] result = new float[(bottom - top) * columns]
		for (int y = 0; y < bottom - top; y++) {
			int first = down.firsts[y]
			double[] weights = down.of[y]
			made = Math.max(made, first)
			for (; made < first + weights.length; made++) rows[made] = row(channel, made, across)
			for (dropped = Math.min(dropped, first); dropped < first; dropped++) rows[dropped] = null
			for (int x = 0; x < columns; x++) {
				double value = 0
				for (int i = 0; i < weights.length; i++) value += rows[first + i][x] * weights[i]
				result[y * columns + x] = (float) (value / down.sums[y])
			}
		}
		return result
	}

	/** A row of the source at its new width. */
	private float[] row(int channel, int y, Weights across) {
		float[] values = source.window(channel, y, y + 1, across.from, across.to)
		if (source.w == w) return values
		float[] result = new float[across.firsts.length]
		for (int x = 0; x < result.length; x++) {
			double[] weights = across.of[x]
			int first = across.firsts[x] - across.from
			double value = 0
			for (int i = 0; i < weights.length; i++) value += values[first + i] * weights[i]
			result[x] = (float) (value / across.sums[x])
		}
		return result
	}

	/** Along one axis: which samples of the source each new one is made of, and how much of each. */
	private static class Weights {

		final int[] firsts
		final double[][] of
		final double[] sums
		/** First sample of the source that is needed, and the one behind the last. */
		final int from
		final int to

		Weights(int size, int newSize, int start, int stop) {
			double step = size / (double) newSize
			double support = Math.max(step, 1.0d)
			firsts = new int[stop - start]
			of = new double[stop - start][]
			sums = new double[stop - start]
			for (int k = 0; k < stop - start; k++) {
				double centre = (start + k + 0.5d) * step
				int first = Math.max(0, (int) (centre - support + 0.5d))
				int last = size == newSize ? first + 1 : Math.min(size, (int) (centre + support + 0.5d))
				double[] weights = new double[last - first]
				for (int i = first; i < last; i++) {
					weights[i - first] = Math.max(0.0d, 1.0d - Math.abs((i - centre + 0.5d) / support))
					sums[k] += weights[i - first]
				}
				firsts[k] = first
				of[k] = weights
			}
			from = firsts[0]
			to = firsts[stop - start - 1] + of[stop - start - 1].length
		}
	}
}
