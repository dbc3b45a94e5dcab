// The recording stub of Fiji's StarDist command: the only mock in the tests of the Fiji commands.
// It notes what it was called with and "finds" a disc wherever a pixel is at least 200: its radius is
// value - 200 pixels, its probability value / 256. With grid = 2 it answers as a network of grid 2x2.
import groovy.transform.CompileStatic
import ij.gui.PointRoi
import ij.gui.PolygonRoi
import ij.gui.Roi
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import net.imglib2.RandomAccess
import net.imglib2.RandomAccessibleInterval
import net.imglib2.img.array.ArrayImgs
import net.imglib2.type.numeric.RealType

class StubAxis { Object type; void setType(Object t) { type = t } }

class StubDataset {
	RandomAccessibleInterval img
	List<StubAxis> axes
	StubDataset(img) { this.img = img; axes = (0..<img.numDimensions()).collect { new StubAxis() } }
	StubAxis axis(int i) { axes[i] }
	def getImgPlus() { img }
	int numDimensions() { img.numDimensions() }
	long dimension(int d) { img.dimension(d) }
}

class StubDatasets { def create(RandomAccessibleInterval img) { new StubDataset(img) } }

class StubPolygons {
	List<float[]> found = []
	List<Integer> getWinner() { (0..<found.size()).toList() }
	PointRoi getOriginRoi(int i) { new PointRoi(found[i][0] + 0.5f, found[i][1] + 0.5f) }
	PolygonRoi getPolygonRoi(int i) {
		int n = 32
		float[] x = new float[n]
		float[] y = new float[n]
		for (int k = 0; k < n; k++) {
			double angle = 2 * Math.PI * k / n
			x[k] = (float) (0.5d + Math.round(100 * (found[i][0] + found[i][2] * Math.cos(angle))) / 100.0d)
			y[k] = (float) (0.5d + Math.round(100 * (found[i][1] + found[i][2] * Math.sin(angle))) / 100.0d)
		}
		return new PolygonRoi(x, y, n, Roi.POLYGON)
	}
}

class StubModule {
	Map outputs
	def getOutput(String name) { outputs[name] }
}

class RecordingStarDist {
	List<Map> calls = []
	int grid = 1
	/** What to do wrong: null, 'missing', 'null outputs', 'input back', 'wrong size', 'exception'; and for which calls. */
	String fault
	Closure faulty = { int call -> true }
	private int predictions = 0

	def getCommand(String name) { fault == 'missing' ? null : name }

	Object run(String command, boolean process, Object... arguments) {
		def a = [:]
		for (int i = 0; i < arguments.length; i += 2) a[arguments[i]] = arguments[i + 1]
		calls << [command: command, process: process,
			arguments: a.collectEntries { k, v -> [k, v instanceof StubDataset ? v.axes*.type : v.toString()] }]
		def future = new CompletableFuture()
		if (command.endsWith('NMS')) {
			future.complete(new StubModule(outputs: [polygons: polygonsOf(a.prob.img, a.dist.img, a.probThresh)]))
			return future
		}
		boolean wrong = fault != null && faulty(predictions++)
		if (wrong && fault == 'exception') {
			future.completeExceptionally(new NullPointerException('splitPrediction'))
			return future
		}
		future.complete(new StubModule(outputs: wrong && fault == 'null outputs' ? [:] :
			wrong && fault == 'input back' ? [prob: a.input, dist: a.input] :
			predicted(a.input.img, wrong && fault == 'wrong size' ? 1 : 0)))
		return future
	}

	@CompileStatic
	private Map predicted(RandomAccessibleInterval img, int off) {
		int w = (int) img.dimension(0)
		int h = (int) img.dimension(1)
		float[] prob = new float[(w + off) * h]
		float[] dist = new float[(w + off) * h * 32]
		RandomAccess from = img.randomAccess()
		for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) {
			from.setPosition(x.intdiv(grid).intValue() * grid, 0)
			from.setPosition(y.intdiv(grid).intValue() * grid, 1)
			float value = ((RealType) from.get()).getRealFloat()
			int i = y * (w + off) + x
			if (x % grid == 0 && y % grid == 0) prob[i] = (float) (value / 256)
			for (int k = 0; k < 32; k++) dist[i + k * (w + off) * h] = Math.max(0.5f, (float) (value - 200))
		}
		return [prob: new StubDataset(ArrayImgs.floats(prob, w + off, h)),
			dist: new StubDataset(ArrayImgs.floats(dist, w + off, h, 32))]
	}

	@CompileStatic
	private static StubPolygons polygonsOf(RandomAccessibleInterval prob, RandomAccessibleInterval dist, double threshold) {
		RandomAccess p = prob.randomAccess()
		RandomAccess d = dist.randomAccess()
		List<float[]> found = []
		for (int x = 2; x < prob.dimension(0) - 2; x++) for (int y = 2; y < prob.dimension(1) - 2; y++) {
			p.setPosition([x, y] as long[])
			float value = ((RealType) p.get()).getRealFloat()
			if (value > threshold) {
				d.setPosition([x, y, 0] as long[])
				found.add([x, y, ((RealType) d.get()).getRealFloat(), value] as float[])
			}
		}
		found.sort { float[] one -> -one[3] }
		return new StubPolygons(found: found)
	}
}
