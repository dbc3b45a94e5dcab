import groovy.transform.CompileStatic

/** Probability and mean distance at the grid points of the network. */
@CompileStatic
class GridMaps {

	/** Size of the network's image, without its padding. */
	final int netH
	final int netW
	/** Grid points down and across that lie on it. */
	final int rows
	final int columns
	final float[] prob
	/** Mean of the rays' distances, pixels of the image. */
	final float[] dist
	private final int[] grid
	private final double[] lengths

	/** @param factorY, factorX pixels of the image for one of the network's */
	GridMaps(int netH, int netW, int[] grid, int rays, double factorY, double factorX) {
		this.netH = netH
		this.netW = netW
		this.grid = grid
		rows = Math.floorDiv(netH + grid[0] - 1, grid[0])
		columns = Math.floorDiv(netW + grid[1] - 1, grid[1])
		prob = new float[rows * columns]
		dist = new float[rows * columns]
		lengths = lengthsOf(rays, factorY, factorX)
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
		prob[row * columns + column] = probability
		dist[row * columns + column] = (float) (sum / lengths.length)
	}

	/** Values at grid points spread over the image by nearest neighbour. */
	float[] filled(float[] values, int h, int w) {
		int[] across = Resampling.nearestIndex(netW, w)
		int[] down = Resampling.nearestIndex(netH, h)
		for (int x = 0; x < w; x++) across[x] = Math.floorDiv(across[x], grid[1])
		float[] result = new float[h * w]
		for (int y = 0; y < h; y++) {
			int from = Math.floorDiv(down[y], grid[0]) * columns
			for (int x = 0; x < w; x++) result[y * w + x] = values[from + across[x]]
		}
		return result
	}
}
