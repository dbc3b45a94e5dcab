/** What finds the particles of one image: a model, how it is run, and by what. */
abstract class Segmenter implements Closeable {

	static final String AUTOMATIC = 'automatic'
	static final String ONNX = 'ONNX'
	static final String PLUGIN = 'StarDist plugin'
	/** Bytes of an image in a TIFF; the rest is for what it says of itself. */
	private static final double MOST_IN_A_FILE = 4294967295d - (1 << 20)

	final Bundle bundle
	final Settings settings
	/** Told how many pieces of an image are done, and of how many. */
	Closure progress = { int done, int total -> }
	/** Told what people shall know of how an image was run. */
	Closure tell = { String line -> }
	private volatile boolean stopped
	private boolean toldOwnScale
	private Closure<List<Look>> looks

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
		made.tell = { String line -> report.say(line) }
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

	/** Where to estimate the particle diameter from if nobody gives it; the first call counts, for all that follows. */
	void estimateFrom(String what, Closure<List<Look>> looks) {
		if (this.looks != null) return
		this.looks = looks
		settings.source = what
	}

	/** Takes the length of a line that was drawn for the particle diameter, unless one was typed; tells whether. */
	boolean measureAlong(ij.gui.Line line, Slices slices, Report report) {
		if (!settings.estimated) return false
		def (down, across) = slices.squarePixels()
		settings.diameter = Math.max(1d, Math.hypot((line.y2d - line.y1d) * down, (line.x2d - line.x1d) * across))
		settings.estimated = false
		report.say(String.format(Locale.ROOT, '%s: particle diameter %.3g pixels, the length of the line selection; the model was ' +
			'trained at %.3g', slices.name, settings.diameter, settings.trained))
		return true
	}

	/** Estimates the particle diameter if it has to be, once, and says it. */
	void settle(Report report) {
		if (settings.diameter > 0) return
		if (settings.estimated) {
			settings.choice = Diameter.choose(this, looks.call(), 'pixels', settings.source)
			settings.diameter = settings.choice.diameter
			report.say("$settings.source: ${settings.choice.remove('told')}")
		} else if (!toldOwnScale) {
			report.say("$bundle.file.name records no particle diameter: images keep their own scale")
			toldOwnScale = true
		}
	}

	/** Pixels of the network for one of a slice, down and across. */
	double[] scaleOf(Slices slices) { slices.squarePixels().collect { it * settings.scale } as double[] }

	/** Channels of an image. */
	int getChannels() { 1 }

	/** Bytes of Java's memory that a slice takes beside itself, and the results of those that are kept. */
	abstract double memoryFor(Slices slices, int kept)

	/**
	 * Refuses, before anything is allocated for it, an image that Java or a file cannot hold; it would end in the midst of the work.
	 *
	 * @param kept of so many slices the results stay in memory
	 * @param shown bytes for a pixel of the windows that show them
	 */
	void checkMemory(Slices slices, int kept = 1, int shown = 0) {
		if (4d * slices.h * slices.w > MOST_IN_A_FILE) {
			throw new Problem("$slices.name: prob.tif and dist.tif of $slices.w x $slices.h pixels would be larger than the 4 GB that a TIFF " +
				'holds which ImageJ opens: cut the image (Image > Crop).')
		}
		double needed = memoryFor(slices, kept) + shown * (double) kept * slices.h * slices.w
		if (needed > freeMemory()) System.gc()
		double free = freeMemory()
		if (needed <= free) return
		def gigabytes = { double bytes -> String.format(Locale.ROOT, '%.1f GB', bytes / 1e9) }
		def several = kept > 1 ? "$slices.count ${slices.axis}s of " : ''
		throw new Problem("$slices.name: $several$slices.w x $slices.h pixels need about ${gigabytes(needed)} of memory by $this, and Fiji has " +
			"${gigabytes(free)} left of ${gigabytes(Runtime.runtime.maxMemory())}: give it more in Edit > Options > Memory & Threads... " +
			'and start it again, close other images, or cut this one (Image > Crop)' + (kept > 1 ? '; Segment View holds one slice at a time.' : '.'))
	}

	private static double freeMemory() {
		def java = Runtime.runtime
		return java.maxMemory() - (java.totalMemory() - java.freeMemory())
	}

	/** How many images of this size may be under way at a time. */
	int atOnce(int h, int w, double[] scale) { 1 }

	/** What a record of a run says of the engine, the model and the settings. */
	Map facts() {
		[engine: 'fiji', backend: toString(), imagej: ij.IJ.fullVersion, java: System.getProperty('java.version'),
			model: bundle.file.name, model_digest: bundle.identity, settings: settings.toString(),
			diameter: settings.diameter ?: null, diameter_choice: settings.choice,
			finished: java.time.LocalDateTime.now().withNano(0).toString()]
	}

	/** The engine's name and version, for logs and records. */
	abstract String toString()

	/**
	 * Finds the particles of one image.
	 *
	 * @param scale pixels of the network for one of the image, down and across
	 * @param what what is segmented, for messages
	 */
	abstract Particles segment(Pixels pixels, double[] scale, String what)

	/** Finds the particles of every slice that stands empty in `found`, side by side where memory allows. */
	void segmentAll(Slices slices, Particles[] found, Report report) {
		def scale = scaleOf(slices)
		boolean several = slices.count > 1
		def named = { int i -> several ? "$slices.name, $slices.axis ${i + 1}" : slices.name }
		int done = found.count { it != null }
		def begin = { int i ->
			if (several) report.progress("$slices.name: $slices.axis", done + 1, slices.count)
			progress = { int piece, int pieces -> if (!several || pieces > 1) report.progress("${named(i)}: piece", piece + 1, pieces) }
		}
		def work = { int i ->
			found[i] = segment(slices.slice(i, channels), scale, named(i))
		}
		SideBySide.run((0..<slices.count).findAll { found[it] == null }, atOnce(slices.h, slices.w, scale), begin, work) { int i, Throwable failure ->
			if (failure != null) throw failure
			done++
			false
		}
	}

	/** As `segment`, but only the network runs: what is more probable than `least` is not yet suppressed. */
	Proposal propose(Pixels pixels, double[] scale, String what, double least) {
		throw new Problem("$what: thresholds can be previewed only with ONNX, and this is segmented by $this; take " +
			'a model that holds model.onnx, or leave the preview out.')
	}

	void close() {}

	/** From another thread: what is under way, and all that would follow, ends with Cancelled. */
	void stop() { stopped = true }

	protected void goOn() { if (stopped) throw new Cancelled() }
}
