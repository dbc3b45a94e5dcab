import groovy.transform.CompileStatic

/** Polygons that the network proposes: added piece by piece, then sorted by falling probability. */
@CompileStatic
class Candidates {

	/** Distances are added for so many candidates at a time. */
	private static final int TOGETHER = 1 << 15

	final int rays
	/** All are more probable. */
	final double least
	int count = 0
	/** Pixels of the network. */
	int[] ys = new int[1024]
	int[] xs = new int[1024]
	float[] probs = new float[1024]
	private final FloatRows distances
	private final float[] one
	/** Where the distances of each lie, once they are sorted. */
	private int[] places
	private final double[] cosines
	private final double[] sines

	Candidates(int rays, double least = 0) {
		this.rays = rays
		this.least = least
		distances = new FloatRows(rays, TOGETHER)
		one = new float[rays]
		cosines = new double[rays]
		sines = new double[rays]
		for (int k = 0; k < rays; k++) {
			cosines[k] = Math.cos(angle(k, rays))
			sines[k] = Math.sin(angle(k, rays))
		}
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
		}
		ys[count] = y
		xs[count] = x
		probs[count] = prob
		distances.set(count, from, offset)
		count++
	}

	/** Copies the distances of one, which is sorted, along its rays. */
	void distances(int i, float[] into, int at) {
		distances.get(places[i], into, at)
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
		places = new int[count]
		for (int k = 0; k < count; k++) {
			int i = of[(int) (keys[k] & 0xffffffffL)]
			sortedY[k] = ys[i]
			sortedX[k] = xs[i]
			sortedProbs[k] = probs[i]
			places[k] = i
		}
		ys = sortedY
		xs = sortedX
		probs = sortedProbs
	}

	/** Angle of a ray, from x towards y. */
	static double angle(int k, int rays) { k * (2 * Math.PI / rays) }

	int[] corners(int i) { corners(i, new int[2 * rays]) }

	/** Corners (x, y, x, y, ...) in whole hundredths of a pixel, a half rounded up. */
	int[] corners(int i, int[] into) {
		distances.get(places[i], one, 0)
		for (int k = 0; k < rays; k++) {
			into[2 * k] = (int) Math.floor(100d * (xs[i] + one[k] * cosines[k]) + 0.5d)
			into[2 * k + 1] = (int) Math.floor(100d * (ys[i] + one[k] * sines[k]) + 0.5d)
		}
		return into
	}

	private long visit(int i) { ((long) xs[i] << 32) | ys[i] }
}
