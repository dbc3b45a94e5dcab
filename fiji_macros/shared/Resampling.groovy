import groovy.transform.CompileStatic

/**
 * Grey values at another size: a separable triangle kernel, widened by the factor when shrinking,
 * weights normalised at the edges; rows first, then columns (docs/numerics.md; the same numbers as
 * particlebridge.analysis.starconvex.resampling in Python).
 */
@CompileStatic
class Resampling {

	static int scaledSize(int size, double scale) {
		return Math.max(1, (int) Math.floor(size * scale + 0.5d))
	}

	/** Resizes a row-major image of h x w pixels. */
	static float[] resize(float[] pixels, int h, int w, int newH, int newW) {
		float[] wide = newW == w ? pixels : resizeRows(pixels, h, w, newW)
		if (newH == h) return newW == w ? (float[]) pixels.clone() : wide
		return transpose(resizeRows(transpose(wide, h, newW), newW, h, newH), newW, newH)
	}

	/** Takes for each pixel of the new grid the one of the old grid that holds its centre. */
	static float[] nearest(float[] pixels, int h, int w, int newH, int newW) {
		int[] columns = nearestIndex(w, newW)
		int[] rows = nearestIndex(h, newH)
		float[] result = new float[newH * newW]
		for (int y = 0; y < newH; y++) {
			int from = rows[y] * w
			for (int x = 0; x < newW; x++) result[y * newW + x] = pixels[from + columns[x]]
		}
		return result
	}

	static int[] nearestIndex(int size, int newSize) {
		int[] index = new int[newSize]
		for (int i = 0; i < newSize; i++) {
			index[i] = Math.min(size - 1, (int) Math.floor((i + 0.5d) * (size / (double) newSize)))
		}
		return index
	}

	private static float[] resizeRows(float[] pixels, int h, int w, int newW) {
		double step = w / (double) newW
		double support = Math.max(step, 1.0d)
		float[] result = new float[h * newW]
		double[] weights = new double[(int) Math.ceil(support) * 2 + 2]
		for (int x = 0; x < newW; x++) {
			double centre = (x + 0.5d) * step
			int first = Math.max(0, (int) (centre - support + 0.5d))
			int last = Math.min(w, (int) (centre + support + 0.5d))
			double sum = 0
			for (int i = first; i < last; i++) {
				double weight = Math.max(0.0d, 1.0d - Math.abs((i - centre + 0.5d) / support))
				weights[i - first] = weight
				sum += weight
			}
			for (int y = 0; y < h; y++) {
				double value = 0
				for (int i = first; i < last; i++) value += pixels[y * w + i] * weights[i - first]
				result[y * newW + x] = (float) (value / sum)
			}
		}
		return result
	}

	private static float[] transpose(float[] pixels, int h, int w) {
		float[] result = new float[h * w]
		for (int y = 0; y < h; y++) {
			for (int x = 0; x < w; x++) result[x * h + y] = pixels[y * w + x]
		}
		return result
	}
}
