import groovy.transform.CompileStatic
import ij.gui.Roi
import net.imglib2.Cursor
import net.imglib2.RandomAccess
import net.imglib2.RandomAccessibleInterval
import net.imglib2.img.array.ArrayImgs
import net.imglib2.type.numeric.RealType
import net.imglib2.view.Views

/** Fiji's StarDist plugin, called by the names of its commands, and every answer of it checked. */
class StarDist extends Segmenter {

	static final String PREDICT = 'de.csbdresden.stardist.StarDist2D'
	static final String SUPPRESS = 'de.csbdresden.stardist.StarDist2DNMS'

	/** Up to this many pixels run in one tile, as with ONNX. */
	private static final double TILE = 2048d * 2048d

	final def commands
	final def datasets

	StarDist(commands, datasets, Bundle bundle, Settings settings) {
		super(bundle, settings)
		this.commands = commands
		this.datasets = datasets
		if (!installed(commands)) {
			throw new Problem('StarDist is not installed in this Fiji: Help > Update..., Manage update sites, ' +
				'tick CSBDeep, StarDist and TensorFlow, Apply, then start Fiji again.')
		}
	}

	static boolean installed(commands) { commands?.getCommand(PREDICT) != null }

	String toString() { 'the StarDist plugin' }

	@Override Map facts() {
		super.facts() + [stardist: versionOf(PREDICT), csbdeep: versionOf('de.csbdresden.csbdeep.commands.GenericNetwork')]
	}

	private String versionOf(String command) {
		def info = commands.getCommand(command)
		return info.respondsTo('getVersion') ? info.version ?: 'unknown' : 'unknown'
	}

	Particles segment(Pixels pixels, double[] scale, String what) {
		goOn()
		int h = pixels.h
		int w = pixels.w
		int netH = Resampling.scaledSize(h, scale[0])
		int netW = Resampling.scaledSize(w, scale[1])
		boolean same = netH == h && netW == w
		def raw = predict(Resampling.resize(pixels, netH, netW).all(), netH, netW, what)
		goOn()
		double factorY = h / (double) netH
		double factorX = w / (double) netW
		def polygons = raw.polygons
		List<Roi> outlines = []
		List<float[]> rays = []
		for (int i in polygons.getWinner()) {
			Roi outline = polygons.getPolygonRoi(i)
			if (!same) {
				def corners = outline.getFloatPolygon()
				outline = Outlines.scaled(Arrays.copyOf(corners.xpoints, corners.npoints),
					Arrays.copyOf(corners.ypoints, corners.npoints), factorX, factorY)
			}
			outlines << outline
			def origin = polygons.getOriginRoi(i).getFloatPolygon()
			rays << rayValues(raw.prob, raw.dist, (int) Math.floor(origin.xpoints[0]), (int) Math.floor(origin.ypoints[0]))
		}
		float[] prob = fillGrid(plane(raw.prob, -1), netH, netW)
		float[] dist = meanOverRays(raw.dist, netH, netW, factorY, factorX)
		def maps = new GridMaps(h, w, netH, netW, [1, 1] as int[], (int) raw.dist.dimension(2))
		maps.set(prob, dist)
		return new Particles(maps, outlines, rays)
	}

	/** The plugin keeps probability and all distances of every pixel. */
	@Override double memoryFor(Slices slices, int kept) { (36 + 33 * 4 + (kept > 1 ? 14 * kept : 0)) * (double) slices.h * slices.w }

	/** How many tiles the plugin shall make: it would take hundreds of bytes a pixel for the image in one. */
	static int tilesFor(int h, int w) { (int) Math.ceil(h * (double) w / TILE) }

	private Map predict(float[] pixels, int h, int w, String what) {
		def input = datasets.create(ArrayImgs.floats(pixels, w, h))
		// The plugin refuses axes it does not know, silently.
		input.axis(0).setType(net.imagej.axis.Axes.X)
		input.axis(1).setType(net.imagej.axis.Axes.Y)
		int tiles = tilesFor(h, w)
		if (tiles > 1) {
			tell("$what: warning: the StarDist plugin runs it in $tiles tiles that overlap by 64 pixels, less than the network sees: " +
				'particles at their borders may differ. ONNX makes no such difference.')
		}
		// No pixel is more probable than 1: the network alone runs here, overlaps are resolved below.
		def network = run(PREDICT, what, 'input', input, 'modelChoice', 'Model (.zip) from File',
			'modelFile', bundle.file, 'normalizeInput', true,
			'percentileBottom', settings.low, 'percentileTop', settings.high,
			'probThresh', 1.0d, 'nmsThresh', settings.nms, 'outputType', 'Label Image', 'nTiles', tiles,
			'excludeBoundary', 2, 'roiPosition', 'Automatic', 'verbose', false,
			'showCsbdeepProgress', false, 'showProbAndDist', true)
		def prob = network.getOutput('prob')
		def dist = network.getOutput('dist')
		if (prob == null || dist == null) throw new Problem("$what: ${noResult()}")
		if (prob.is(input) || dist.is(input)) {
			throw new Problem("$what: StarDist gave back the image itself instead of a result.")
		}
		checkSize(prob, 2, h, w, what)
		checkSize(dist, 3, h, w, what)
		def suppression = run(SUPPRESS, what, 'prob', prob, 'dist', dist, 'probThresh', settings.prob,
			'nmsThresh', settings.nms, 'outputType', 'Polygons', 'excludeBoundary', 2,
			'roiPosition', 'Stack', 'verbose', false)
		def polygons = suppression.getOutput('polygons')
		if (polygons == null) throw new Problem("$what: StarDist found prob and dist but gave no outlines.")
		return [prob: prob.getImgPlus(), dist: dist.getImgPlus(), polygons: polygons]
	}

	private def run(String command, String what, Object... arguments) {
		try {
			def module = commands.run(command, false, arguments).get()
			if (module == null) throw new Problem("$what: the command $command was cancelled.")
			return module
		} catch (java.util.concurrent.ExecutionException failed) {
			Throwable cause = Report.rootOf(failed)
			if (cause instanceof OutOfMemoryError) throw cause
			throw new Problem("$what: ${noResult()} Java said: $cause", cause)
		}
	}

	private String noResult() {
		File crashed = new File(Models.fiji(), 'lib').listFiles()?.collect { new File(it, '.crashed') }?.find { it.exists() }
		if (crashed != null) {
			return "TensorFlow crashed in an earlier session and stays switched off: delete $crashed and start Fiji again."
		}
		return "StarDist gave no result with $bundle.file.name; the lines above this one, or Fiji's Console " +
			'(Window > Console), tell why. Check the TensorFlow version in Edit > Options > TensorFlow...'
	}

	private static void checkSize(dataset, int dimensions, int h, int w, String what) {
		if (dataset.numDimensions() != dimensions || dataset.dimension(0) != w || dataset.dimension(1) != h) {
			def size = (0..<dataset.numDimensions()).collect { dataset.dimension(it) }.join(' x ')
			throw new Problem("$what: StarDist's result has the size $size, the image is $w x $h: " +
				'this model is not one that StarDist 2D can use.')
		}
	}

	/** One channel (or with -1 the whole of a 2-D image) as a row-major array. */
	@CompileStatic
	static <T extends RealType<T>> float[] plane(RandomAccessibleInterval<T> image, long channel) {
		RandomAccessibleInterval<T> flat = channel < 0 ? image :
			(RandomAccessibleInterval<T>) Views.hyperSlice(image, 2, channel)
		float[] result = new float[(int) (flat.dimension(0) * flat.dimension(1))]
		Cursor<T> cursor = Views.flatIterable(Views.zeroMin(flat)).cursor()
		for (int i = 0; i < result.length; i++) result[i] = cursor.next().getRealFloat()
		return result
	}

	/** The mean length of the rays in the image, where a network pixel is factorY high and factorX wide. */
	@CompileStatic
	static <T extends RealType<T>> float[] meanOverRays(RandomAccessibleInterval<T> dist, int h, int w,
			double factorY, double factorX) {
		int rays = (int) dist.dimension(2)
		double[] lengths = GridMaps.lengthsOf(rays, factorY, factorX)
		double[] sum = new double[h * w]
		for (int k = 0; k < rays; k++) {
			float[] one = plane(dist, dist.min(2) + k)
			double length = lengths[k]
			for (int i = 0; i < sum.length; i++) sum[i] += one[i] * length
		}
		float[] mean = new float[sum.length]
		for (int i = 0; i < sum.length; i++) mean[i] = (float) (sum[i] / rays)
		return mean
	}

	/** Y, x, probability and the distances of the polygon that was born at a pixel, in network pixels. */
	@CompileStatic
	static <T extends RealType<T>> float[] rayValues(RandomAccessibleInterval<T> prob,
			RandomAccessibleInterval<T> dist, int x, int y) {
		int rays = (int) dist.dimension(2)
		float[] values = new float[3 + rays]
		values[0] = (float) y
		values[1] = (float) x
		RandomAccess<T> one = prob.randomAccess()
		one.setPosition([prob.min(0) + x, prob.min(1) + y] as long[])
		values[2] = one.get().getRealFloat()
		RandomAccess<T> all = dist.randomAccess()
		for (int k = 0; k < rays; k++) {
			all.setPosition([dist.min(0) + x, dist.min(1) + y, dist.min(2) + k] as long[])
			values[3 + k] = all.get().getRealFloat()
		}
		return values
	}

	/**
	 * Fills a sparse probability map: a network with a grid sets every second (or n-th) pixel of a row or
	 * column and leaves zero between; each block takes the value at its top left.
	 */
	@CompileStatic
	static float[] fillGrid(float[] prob, int h, int w) {
		int gridY = 0
		int gridX = 0
		for (int y = 0; y < h; y++) {
			for (int x = 0; x < w; x++) {
				if (prob[y * w + x] != 0f) {
					gridY = gcd(gridY, y)
					gridX = gcd(gridX, x)
				}
			}
		}
		if (gridY <= 1 && gridX <= 1) return prob
		gridY = Math.max(1, gridY)
		gridX = Math.max(1, gridX)
		float[] full = new float[prob.length]
		for (int y = 0; y < h; y++) {
			int from = y.intdiv(gridY).intValue() * gridY * w
			for (int x = 0; x < w; x++) full[y * w + x] = prob[from + x.intdiv(gridX).intValue() * gridX]
		}
		return full
	}

	@CompileStatic
	private static int gcd(int a, int b) {
		while (b != 0) {
			int rest = a % b
			a = b
			b = rest
		}
		return a
	}
}
