import groovy.transform.CompileStatic
import ij.gui.PolygonRoi
import ij.gui.Roi
import java.nio.FloatBuffer

/**
 * A bundle's model.onnx with the plugin's rules around it (docs/numerics.md): needs neither the StarDist
 * plugin nor CSBDeep nor TensorFlow. Large images go through the network in pieces that overlap by more
 * than it can see and start where its poolings do, so that the cuts change no result.
 */
@CompileStatic
class OnnxEngine extends Segmenter {

	/** Up to this many pixels run in one piece: about 3 GB for a network of 32 filters. */
	static final int MAX_PIXELS = 2048 * 2048
	/** The plugin pads images to multiples of this, whatever the model. */
	private static final int MULTIPLE = 64
	private static final int BORDER = 2
	/** Bytes for each pixel of: a piece, an overlay, an image whose particles lie close, a stack of results. */
	private static final double PIECE = 60
	private static final double OVERLAY = 13
	private static final double CROWDED = 2
	private static final double STACKED = 6

	private final OnnxNetwork network
	private final int maxPixels

	OnnxEngine(OnnxNetwork network, Bundle bundle, Settings settings, int maxPixels = MAX_PIXELS) {
		super(bundle, settings)
		this.network = network
		this.maxPixels = maxPixels
	}

	@Override int getChannels() { network.channels }

	/** The network's answers or an overlay, candidates and particles, and a copy of values that do not count as they are. */
	@Override double memoryFor(Slices slices, int kept) {
		double pixels = slices.h * (double) slices.w
		double points = Math.min(pixels / (network.grid[0] * network.grid[1]), (double) FloatRows.inMemory)
		double piece = PIECE * Math.min(pixels, (double) maxPixels)
		double stacked = kept > 1 ? STACKED * pixels : 0
		return Math.max(piece, OVERLAY * Math.min(pixels, (double) Outlines.overlay)) + (CROWDED + slices.copied(channels)) * pixels +
			kept * (8 * points + stacked)
	}

	@Override int atOnce(int h, int w, double[] scale) {
		long pixels = (long) Resampling.scaledSize(h, scale[0]) * Resampling.scaledSize(w, scale[1])
		return (int) Math.min((long) Runtime.runtime.availableProcessors(), Math.max(1L, (long) (maxPixels / (double) pixels)))
	}

	@Override String toString() { "ONNX Runtime $network.version" }

	@Override void close() { network.close() }

	@Override void stop() {
		super.stop()
		network.stop()
	}

	@Override Particles segment(Pixels pixels, double[] scale, String what) {
		Bands bands = new Bands(network.rays, settings.prob, settings.nms)
		GridMaps maps = predict(pixels, scale, what, bands)
		Candidates winners = bands.winners()
		return found(maps, winners, (0..<winners.count) as int[])
	}

	@Override Proposal propose(Pixels pixels, double[] scale, String what, double least) {
		Bands bands = new Bands(network.rays, least, Double.NaN)
		GridMaps maps = predict(pixels, scale, what, bands)
		bands.open.sort()
		return new Proposal(bands.open, maps)
	}

	/** Runs the network. */
	private GridMaps predict(Pixels pixels, double[] scale, String what, Bands bands) {
		if (pixels.channels != network.channels) {
			throw new Problem("$what: the model takes images of $network.channels channel(s), this one has $pixels.channels.")
		}
		int netH = Resampling.scaledSize(pixels.h, scale[0])
		int netW = Resampling.scaledSize(pixels.w, scale[1])
		Normalisation normalisation = new Normalisation(pixels, settings.low, settings.high)
		Pixels values = Resampling.resize(normalisation.inReach(pixels), netH, netW)
		if (!values.is(pixels)) {
			// What fits into one piece is resampled once, not again for each look at it.
			if (netH * (double) netW <= MAX_PIXELS) values = Pixels.of(values.all(), netH, netW)
			normalisation = new Normalisation(values, settings.low, settings.high)
		}
		GridMaps maps = new GridMaps(pixels.h, pixels.w, netH, netW, network.grid, network.rays)
		predict(values, normalisation, maps, bands)
		goOn()
		return maps
	}

	/** Suppresses overlaps among what is more probable than `prob`; the network does not run again. */
	static Particles particles(Proposal proposal, double prob, double nms) {
		return found(proposal.maps, proposal.candidates, proposal.winners(prob, nms))
	}

	private static Particles found(GridMaps maps, Candidates candidates, int[] winners) {
		List<float[]> rays = []
		for (int i : winners) {
			float[] row = new float[3 + candidates.rays]
			row[0] = candidates.ys[i]
			row[1] = candidates.xs[i]
			row[2] = candidates.probs[i]
			candidates.distances(i, row, 3)
			rays.add(row)
		}
		return new Particles(maps, drawn(maps, candidates, winners), rays)
	}

	/** As of `particles`, without maps. */
	static List<Roi> outlines(Proposal proposal, double prob, double nms) {
		drawn(proposal.maps, proposal.candidates, proposal.winners(prob, nms))
	}

	private static List<Roi> drawn(GridMaps maps, Candidates candidates, int[] winners) {
		List<Roi> outlines = []
		for (int i : winners) outlines.add(outline(candidates.corners(i), maps.h / (double) maps.netH, maps.w / (double) maps.netW))
		return outlines
	}

	/** As the plugin makes it: corners in pixels from the image's edge, where a pixel's centre is at .5. */
	private static PolygonRoi outline(int[] corners, double factorY, double factorX) {
		int n = corners.length >> 1
		float[] x = new float[n]
		float[] y = new float[n]
		for (int k = 0; k < n; k++) {
			x[k] = (float) (corners[2 * k] / 100.0d + 0.5d)
			y[k] = (float) (corners[2 * k + 1] / 100.0d + 0.5d)
		}
		return Outlines.scaled(x, y, factorX, factorY)
	}

	private void predict(Pixels values, Normalisation normalisation, GridMaps maps, Bands bands) {
		int height = padded(maps.netH)
		int width = padded(maps.netW)
		if ((long) height * width <= maxPixels) {
			progress.call(0, 1)
			piece(values, normalisation, [0, height, 0, height] as int[], [0, width, 0, width] as int[], maps, bands.open)
			return
		}
		int side = (int) Math.sqrt((double) maxPixels)
		List<int[]> down = pieces(height, side, network.reach[0])
		List<int[]> across = pieces(width, side, network.reach[1])
		int done = 0
		for (int[] y : down) {
			for (int[] x : across) {
				progress.call(done++, down.size() * across.size())
				piece(values, normalisation, y, x, maps, bands.open)
			}
			bands.settle(y[3])
		}
	}

	/** First and last pixel of each piece, and of its core, which is what is taken from it. */
	static List<int[]> pieces(int size, int side, int reach) {
		int margin = padded(reach)
		int core = Math.max(MULTIPLE, Math.floorDiv(side - 2 * margin, MULTIPLE) * MULTIPLE)
		List<int[]> result = []
		for (int start = 0; start < size; start += core) {
			int stop = Math.min(start + core, size)
			result.add([Math.max(0, start - margin), Math.min(size, stop + margin), start, stop] as int[])
		}
		return result
	}

	private static int padded(int size) { Math.floorDiv(size + MULTIPLE - 1, MULTIPLE) * MULTIPLE }

	private void piece(Pixels values, Normalisation normalisation, int[] y, int[] x, GridMaps maps, Candidates candidates) {
		goOn()
		int h = y[1] - y[0]
		int w = x[1] - x[0]
		float[][] out = network.run(input(values, normalisation, y, x), h, w)
		float[] prob = out[0]
		float[] dist = out[1]
		int gy = network.grid[0]
		int gx = network.grid[1]
		int columns = Math.floorDiv(w, gx)
		for (int row = Math.floorDiv(y[2], gy); row < Math.floorDiv(y[3], gy) && row < maps.rows; row++) {
			for (int column = Math.floorDiv(x[2], gx); column < Math.floorDiv(x[3], gx) && column < maps.columns; column++) {
				int at = (row - Math.floorDiv(y[0], gy)) * columns + column - Math.floorDiv(x[0], gx)
				maps.set(row, column, prob[at], dist, at * network.rays)
				int py = row * gy
				int px = column * gx
				if (prob[at] > candidates.least && py >= BORDER && px >= BORDER && py < maps.netH - BORDER && px < maps.netW - BORDER) {
					candidates.add(py, px, prob[at], dist, at * network.rays)
				}
			}
		}
	}

	/** A piece of the image, normalised; beyond its bottom and right edge it is mirrored, edge pixels repeated. */
	private FloatBuffer input(Pixels values, Normalisation normalisation, int[] y, int[] x) {
		int channels = network.channels
		int w = x[1] - x[0]
		int right = Math.min(x[1], values.w)
		int columns = right - x[0]
		FloatBuffer buffer = OnnxNetwork.buffer((y[1] - y[0]) * w * channels)
		for (int c = 0; c < channels; c++) {
			float[] window = values.window(c, y[0], Math.min(y[1], values.h), x[0], right)
			for (int i = 0; i < window.length; i++) window[i] = normalisation.apply(window[i])
			for (int row = y[0]; row < y[1]; row++) {
				int from = (mirrored(row, values.h) - y[0]) * columns - x[0]
				int to = (row - y[0]) * w - x[0]
				for (int column = x[0]; column < x[1]; column++) {
					buffer.put((to + column) * channels + c, window[from + mirrored(column, values.w)])
				}
			}
		}
		return buffer
	}

	private static int mirrored(int i, int size) {
		if (i < size) return i
		int k = i % (2 * size)
		return k < size ? k : 2 * size - 1 - k
	}
}
