import groovy.transform.CompileStatic

/** Polygons that the network proposes: added piece by piece, then sorted by falling probability. */
@CompileStatic
class Candidates {

	final int rays
	/** All are more probable. */
	final double least
	int count = 0
	/** Pixels of the network. */
	int[] ys = new int[1024]
	int[] xs = new int[1024]
	float[] probs = new float[1024]
	/** Distances of each along its rays, one candidate after another. */
	float[][] distances = new float[1024][]

	Candidates(int rays, double least = 0) {
		this.rays = rays
		this.least = least
	}

	/** How many, once they are sorted, are more probable: the first ones. */
	int above(double prob) {
		int low = 0, high = count
		while (low < high) {
			int middle = (low + high) >>> 1
			if (probs[middle] > prob) low = middle + 1
			else high = middle
		}
		return low
	}

	void add(int y, int x, float prob, float[] from, int offset) {
		if (count == ys.length) {
			int size = count + (count >> 1)
			ys = Arrays.copyOf(ys, size)
			xs = Arrays.copyOf(xs, size)
			probs = Arrays.copyOf(probs, size)
			distances = (float[][]) Arrays.copyOf(distances, size)
		}
		ys[count] = y
		xs[count] = x
		probs[count] = prob
		distances[count] = Arrays.copyOfRange(from, offset, offset + rays)
		count++
	}

	/** Sorts by falling probability; equal ones column by column, top to bottom, as the plugin visits them. */
	void sort() {
		long[] visits = new long[count]
		for (int i = 0; i < count; i++) visits[i] = visit(i)
		Arrays.sort(visits)
		long[] keys = new long[count]
		int[] of = new int[count]
		for (int i = 0; i < count; i++) {
			int place = Arrays.binarySearch(visits, visit(i))
			of[place] = i
			// Bits of positive floats rise with their value.
			keys[place] = ((long) (Integer.MAX_VALUE - Float.floatToRawIntBits(probs[i])) << 32) | place
		}
		Arrays.sort(keys)
		int[] sortedY = new int[count]
		int[] sortedX = new int[count]
		float[] sortedProbs = new float[count]
		float[][] sortedDistances = new float[count][]
		for (int k = 0; k < count; k++) {
			int i = of[(int) (keys[k] & 0xffffffffL)]
			sortedY[k] = ys[i]
			sortedX[k] = xs[i]
			sortedProbs[k] = probs[i]
			sortedDistances[k] = distances[i]
		}
		ys = sortedY
		xs = sortedX
		probs = sortedProbs
		distances = sortedDistances
	}

	/** Angle of a ray, from x towards y. */
	static double angle(int k, int rays) { k * (2 * Math.PI / rays) }

	/** Corners (x, y, x, y, ...) in whole hundredths of a pixel, a half rounded up. */
	int[] corners(int i) {
		int[] result = new int[2 * rays]
		float[] dist = distances[i]
		for (int k = 0; k < rays; k++) {
			double a = angle(k, rays)
			result[2 * k] = (int) Math.floor(100d * (xs[i] + dist[k] * Math.cos(a)) + 0.5d)
			result[2 * k + 1] = (int) Math.floor(100d * (ys[i] + dist[k] * Math.sin(a)) + 0.5d)
		}
		return result
	}

	private long visit(int i) { ((long) xs[i] << 32) | ys[i] }
}
