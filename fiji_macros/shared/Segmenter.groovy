import groovy.transform.CompileStatic

/** What finds the particles of one image: a model, how it is run, and by what. */
abstract class Segmenter implements Closeable {

	static final String AUTOMATIC = 'automatic'
	static final String ONNX = 'ONNX'
	static final String PLUGIN = 'StarDist plugin'

	final Bundle bundle
	final Settings settings
	/** Told how many pieces of an image are done, and of how many. */
	Closure progress = { int done, int total -> }
	private volatile boolean stopped

	protected Segmenter(Bundle bundle, Settings settings) {
		this.bundle = bundle
		this.settings = settings
	}

	/**
	 * The engine that was chosen, with the settings that were given; what was left empty comes from the model.
	 * It says which one it is: automatic takes ONNX where the bundle and Fiji hold what it needs.
	 */
	static Segmenter of(Report report, Inputs inputs, commands, datasets, File model) {
		def bundle = Bundle.open(model)
		def settings = Settings.of(bundle, inputs.text('prob'), inputs.text('nms'), inputs.text('percentiles'),
			inputs.text('diameter'))
		def made = chosen(report, inputs.text('engine') ?: AUTOMATIC, commands, datasets, bundle, settings)
		report.say("$bundle.file.name: segmented by $made")
		return report.keep(made)
	}

	private static Segmenter chosen(Report report, String engine, commands, datasets, Bundle bundle, Settings settings) {
		boolean automatic = engine.equalsIgnoreCase(AUTOMATIC)
		if (engine.equalsIgnoreCase(PLUGIN)) return new StarDist(commands, datasets, bundle, settings)
		if (!automatic && !engine.equalsIgnoreCase(ONNX)) {
			throw new Problem("The engine is one of: $AUTOMATIC, $ONNX, $PLUGIN; not: $engine")
		}
		try {
			return new OnnxEngine(new OnnxNetwork(bundle), bundle, settings)
		} catch (Problem without) {
			// A damaged model.onnx is an error; where there is none, or it cannot run here, the plugin is taken.
			if (!automatic || !(without instanceof OnnxNetwork.Absent)) throw without
			if (!StarDist.installed(commands)) {
				throw new Problem("$without.message The StarDist plugin, which would do instead, is not installed either.", without)
			}
			report.say("$without.message So the StarDist plugin is taken.")
			return new StarDist(commands, datasets, bundle, settings)
		}
	}

	/** Pixels of the network for one of a slice, down and across. */
	double[] scaleOf(Slices slices) { slices.squarePixels().collect { it * settings.scale } as double[] }

	/** Channels of an image. */
	int getChannels() { 1 }

	/** How many images of this size may be under way at a time. */
	int atOnce(int h, int w, double[] scale) { 1 }

	/** The engine's name and version, for logs and records. */
	abstract String toString()

	/**
	 * Finds the particles of one image.
	 *
	 * @param pixels grey values, row by row; of a colour image one channel after another
	 * @param scale pixels of the network for one of the image, down and across
	 * @param what what is segmented, for messages
	 */
	abstract Particles segment(float[] pixels, int h, int w, double[] scale, String what)

	/** As `segment`, but only the network runs: what is more probable than `least` is not yet suppressed. */
	Proposal propose(float[] pixels, int h, int w, double[] scale, String what, double least) {
		throw new Problem("$what: thresholds can be previewed only with ONNX, and this is segmented by $this; take " +
			'a model that holds model.onnx, or leave the preview out.')
	}

	void close() {}

	/** From another thread: what is under way, and all that would follow, ends with Cancelled. */
	void stop() { stopped = true }

	protected void goOn() { if (stopped) throw new Cancelled() }

	/** The pixels at the network's size, each channel on its own. */
	@CompileStatic
	protected static float[] resized(float[] pixels, int h, int w, int netH, int netW) {
		if (netH == h && netW == w) return pixels
		int channels = Math.floorDiv(pixels.length, h * w)
		if (channels == 1) return Resampling.resize(pixels, h, w, netH, netW)
		float[] result = new float[channels * netH * netW]
		for (int c = 0; c < channels; c++) {
			float[] plane = Arrays.copyOfRange(pixels, c * h * w, (c + 1) * h * w)
			System.arraycopy(Resampling.resize(plane, h, w, netH, netW), 0, result, c * netH * netW, netH * netW)
		}
		return result
	}
}
