import groovy.transform.CompileStatic

/** Float reconstructions hold NaN outside a round field of view; the network needs numbers there. */
@CompileStatic
class FieldOfView {

	/** The same pixels, or a copy with NaN outside the field of view replaced by the median inside. */
	static float[] filled(float[] pixels, int h, int w, String what) {
		int finite = 0
		for (float value : pixels) if (!Float.isNaN(value) && !Float.isInfinite(value)) finite++
		if (finite == pixels.length) return pixels
		boolean[] outside = reachedFromEdge(pixels, h, w)
		for (int i = 0; i < pixels.length; i++) {
			if (Float.isInfinite(pixels[i]) || (Float.isNaN(pixels[i]) && !outside[i])) {
				throw new Problem("$what: holds NaN or infinite values inside the field of view; fill or crop them first.")
			}
		}
		float[] result = (float[]) pixels.clone()
		float median = 0f
		if (finite > 0) {
			// None of the others is infinite: these come last when sorted.
			for (int i = 0; i < result.length; i++) if (outside[i]) result[i] = Float.POSITIVE_INFINITY
			float[] middle = Normalisation.valuesAt(Pixels.of(result, h, w), (long) ((finite - 1) >> 1), (long) (finite >> 1))
			median = (float) ((middle[0] + (double) middle[1]) / 2)
		}
		for (int i = 0; i < result.length; i++) if (outside[i]) result[i] = median
		return result
	}

	/** The NaN pixels that touch the edge of the image, directly or through their neighbours. */
	static boolean[] reachedFromEdge(float[] pixels, int h, int w) {
		boolean[] reached = new boolean[pixels.length]
		int[] waiting = new int[4 * (h + w)]
		int last = 0
		for (int i = 0; i < pixels.length; i++) {
			int x = i % w
			boolean edge = i < w || i >= pixels.length - w || x == 0 || x == w - 1
			if (edge && Float.isNaN(pixels[i])) {
				reached[i] = true
				waiting[last++] = i
			}
		}
		while (last > 0) {
			int i = waiting[--last]
			int x = i % w
			if (last + 4 > waiting.length) waiting = Arrays.copyOf(waiting, 2 * waiting.length)
			if (x > 0) last = visit(i - 1, pixels, reached, waiting, last)
			if (x < w - 1) last = visit(i + 1, pixels, reached, waiting, last)
			if (i >= w) last = visit(i - w, pixels, reached, waiting, last)
			if (i < pixels.length - w) last = visit(i + w, pixels, reached, waiting, last)
		}
		return reached
	}

	private static int visit(int i, float[] pixels, boolean[] reached, int[] waiting, int last) {
		if (reached[i] || !Float.isNaN(pixels[i])) return last
		reached[i] = true
		waiting[last] = i
		return last + 1
	}
}
