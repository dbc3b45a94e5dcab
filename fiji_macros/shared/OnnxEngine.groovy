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

	private final OnnxNetwork network
	private final int maxPixels

	OnnxEngine(OnnxNetwork network, Bundle bundle, Settings settings, int maxPixels = MAX_PIXELS) {
		super(bundle, settings)
		this.network = network
		this.maxPixels = maxPixels
	}

	@Override int getChannels() { network.channels }

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

	@Override Particles segment(float[] pixels, int h, int w, double[] scale, String what) {
		return particles(propose(pixels, h, w, scale, what, settings.prob), settings.prob, settings.nms)
	}

	@Override Proposal propose(float[] pixels, int h, int w, double[] scale, String what, double least) {
		if (pixels.length != h * w * network.channels) {
			throw new Problem("$what: the model takes images of $network.channels channel(s), this one has " +
				"${Math.floorDiv(pixels.length, h * w)}.")
		}
		int netH = Resampling.scaledSize(h, scale[0])
		int netW = Resampling.scaledSize(w, scale[1])
		float[] values = resized(Normalisation.inReach(pixels, settings.low, settings.high), h, w, netH, netW)
		values = Normalisation.inReach(values, settings.low, settings.high)
		GridMaps maps = new GridMaps(netH, netW, network.grid, network.rays, h / (double) netH, w / (double) netW)
		Candidates candidates = new Candidates(network.rays, least)
		predict(values, new Normalisation(values, settings.low, settings.high), maps, candidates)
		goOn()
		candidates.sort()
		return new Proposal(h, w, candidates, maps, least < settings.prob)
	}

	/** Suppresses overlaps among what is more probable than `prob`; the network does not run again. */
	static Particles particles(Proposal proposal, double prob, double nms) {
		Candidates candidates = proposal.candidates
		List<float[]> rays = []
		int[] winners = proposal.winners(prob, nms)
		for (int i : winners) {
			float[] row = new float[3 + candidates.rays]
			row[0] = candidates.ys[i]
			row[1] = candidates.xs[i]
			row[2] = candidates.probs[i]
			System.arraycopy(candidates.distances[i], 0, row, 3, candidates.rays)
			rays.add(row)
		}
		GridMaps maps = proposal.maps
		Particles found = new Particles()
		found.h = proposal.h
		found.w = proposal.w
		found.netH = maps.netH
		found.netW = maps.netW
		found.outlines = drawn(proposal, winners)
		found.rays = rays
		found.labels = Outlines.paint(found.outlines, found.h, found.w)
		found.prob = maps.filled(maps.prob, found.h, found.w)
		found.dist = maps.filled(maps.dist, found.h, found.w)
		return found
	}

	/** As of `particles`, without maps. */
	static List<Roi> outlines(Proposal proposal, double prob, double nms) {
		drawn(proposal, proposal.winners(prob, nms))
	}

	private static List<Roi> drawn(Proposal proposal, int[] winners) {
		List<Roi> outlines = []
		for (int i : winners) outlines.add(outline(proposal.candidates.corners(i), proposal.factorY, proposal.factorX))
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

	private void predict(float[] values, Normalisation normalisation, GridMaps maps, Candidates candidates) {
		int height = padded(maps.netH)
		int width = padded(maps.netW)
		if ((long) height * width <= maxPixels) {
			progress.call(0, 1)
			piece(values, normalisation, [0, height, 0, height] as int[], [0, width, 0, width] as int[], maps, candidates)
			return
		}
		int side = (int) Math.sqrt((double) maxPixels)
		List<int[]> down = pieces(height, side, network.reach[0])
		List<int[]> across = pieces(width, side, network.reach[1])
		int done = 0
		for (int[] y : down) {
			for (int[] x : across) {
				progress.call(done++, down.size() * across.size())
				piece(values, normalisation, y, x, maps, candidates)
			}
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

	private void piece(float[] values, Normalisation normalisation, int[] y, int[] x, GridMaps maps, Candidates candidates) {
		goOn()
		int h = y[1] - y[0]
		int w = x[1] - x[0]
		float[][] out = network.run(input(values, normalisation, y, x, maps), h, w)
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
	private FloatBuffer input(float[] values, Normalisation normalisation, int[] y, int[] x, GridMaps maps) {
		int channels = network.channels
		int h = y[1] - y[0]
		int w = x[1] - x[0]
		FloatBuffer buffer = OnnxNetwork.buffer(h * w * channels)
		float[] line = new float[w * channels]
		for (int row = y[0]; row < y[1]; row++) {
			int from = mirrored(row, maps.netH) * maps.netW
			for (int column = x[0]; column < x[1]; column++) {
				int at = from + mirrored(column, maps.netW)
				for (int c = 0; c < channels; c++) {
					line[(column - x[0]) * channels + c] = normalisation.apply(values[c * maps.netH * maps.netW + at])
				}
			}
			buffer.put(line)
		}
		buffer.rewind()
		return buffer
	}

	private static int mirrored(int i, int size) {
		if (i < size) return i
		int k = i % (2 * size)
		return k < size ? k : 2 * size - 1 - k
	}
}
