import groovy.transform.CompileStatic

/** Probability and mean distance at the grid points of the network. */
@CompileStatic
class GridMaps {

	/** Size of the image. */
	final int h
	final int w
	/** Size of the network's image, without its padding. */
	final int netH
	final int netW
	/** Grid points down and across that lie on it. */
	final int rows
	final int columns
	private final int[] grid
	private final FloatRows prob
	/** Mean of the rays' distances, pixels of the image. */
	private final FloatRows dist
	private final double[] lengths
	/** The largest mean distance. */
	float longest = 0

	GridMaps(int h, int w, int netH, int netW, int[] grid, int rays) {
		this.h = h
		this.w = w
		this.netH = netH
		this.netW = netW
		this.grid = grid
		rows = Math.floorDiv(netH + grid[0] - 1, grid[0])
		columns = Math.floorDiv(netW + grid[1] - 1, grid[1])
		int together = Math.min(rows, Math.max(1, Math.floorDiv(Strips.values, columns)))
		prob = new FloatRows(columns, together)
		dist = new FloatRows(columns, together)
		lengths = lengthsOf(rays, h / (double) netH, w / (double) netW)
	}

	/** How long a network pixel, factorY high and factorX wide in the image, is there along each ray. */
	static double[] lengthsOf(int rays, double factorY, double factorX) {
		double[] lengths = new double[rays]
		for (int k = 0; k < rays; k++) {
			double angle = Candidates.angle(k, rays)
			lengths[k] = factorY == 1.0d && factorX == 1.0d ? 1.0d :
				Math.hypot(Math.sin(angle) * factorY, Math.cos(angle) * factorX)
		}
		return lengths
	}

	void set(int row, int column, float probability, float[] distances, int offset) {
		double sum = 0
		for (int k = 0; k < lengths.length; k++) sum += distances[offset + k] * lengths[k]
		if (Double.isNaN(sum) || Double.isInfinite(sum)) {
			throw new Problem("The network's distances are not finite: its weights are broken; export the model again.")
		}
		set(row, column, probability, (float) (sum / lengths.length))
	}

	void set(int row, int column, float probability, float mean) {
		prob.set(row, column, probability)
		dist.set(row, column, mean)
		longest = Math.max(longest, mean)
	}

	/** All of them, row by row. */
	void set(float[] probabilities, float[] means) {
		for (int i = 0; i < rows * columns; i++) set(Math.floorDiv(i, columns), i % columns, probabilities[i], means[i])
	}

	/** Probabilities in some rows of the image, spread over it by nearest neighbour. */
	float[] probs(int top, int bottom) { filled(prob, top, bottom) }

	/** Mean distances, likewise. */
	float[] dists(int top, int bottom) { filled(dist, top, bottom) }

	private float[] filled(FloatRows values, int top, int bottom) {
		int[] across = Resampling.nearestIndex(netW, w)
		int[] down = Resampling.nearestIndex(netH, h)
		for (int x = 0; x < w; x++) across[x] = Math.floorDiv(across[x], grid[1])
		float[] result = new float[(bottom - top) * w]
		float[] line = new float[columns]
		for (int y = top; y < bottom; y++) {
			values.get(Math.floorDiv(down[y], grid[0]), line, 0)
			int at = (y - top) * w
			for (int x = 0; x < w; x++) result[at + x] = line[across[x]]
		}
		return result
	}
}
