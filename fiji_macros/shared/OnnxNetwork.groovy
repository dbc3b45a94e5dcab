import groovy.json.JsonSlurper
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer

/**
 * A bundle's model.onnx in ONNX Runtime. Its classes are looked up by name, so that the commands run
 * where it is not installed. Each call computes in one thread: several would split the sums, and the
 * last bits of a result could differ from run to run.
 */
class OnnxNetwork implements Closeable {

	/** ONNX Runtime or model.onnx is missing, or ONNX Runtime does not start; another engine may do. */
	static class Absent extends Problem {
		Absent(String sentence, Throwable cause = null) { super(sentence, cause) }
	}

	/** Of ONNX Runtime. */
	final String version
	final int channels
	final int rays
	/** Pixels between grid points, down and across. */
	final int[] grid
	/** How far a grid point looks, pixels down and across. */
	final int[] reach

	private final String name
	private final def environment
	private final def session
	private final Class tensors
	/** Shared by all runs, so that one call ends them all. */
	private final def runs
	private volatile boolean stopped

	OnnxNetwork(Bundle bundle) {
		name = bundle.file.name
		byte[] content = bundle.onnx
		if (content == null) {
			throw new Absent("$bundle.file: holds no model.onnx; export the model again with particlebridge export.")
		}
		def entry = found('OrtEnvironment')
		if (entry == null) {
			throw new Absent('ONNX Runtime is not installed in this Fiji: put onnxruntime-*.jar into its folder jars ' +
				'(particlebridge-fiji.zip and particlebridge fiji install-macros do so).')
		}
		try {
			environment = Class.forName(entry.name, true, entry.classLoader).getEnvironment()
		} catch (Throwable broken) { // a native library that does not load is an Error
			if (broken instanceof OutOfMemoryError) throw broken
			throw new Absent("ONNX Runtime does not start on this machine (${said(broken)}).", broken)
		}
		version = environment.getVersion()
		tensors = found('OnnxTensor')
		runs = found('OrtSession$RunOptions').newInstance()
		def options = found('OrtSession$SessionOptions').newInstance()
		try {
			options.setIntraOpNumThreads(1)
			options.setInterOpNumThreads(1)
			options.setDeterministicCompute(true)
			// Images differ in size: memory planned for one and kept would only add up.
			options.setMemoryPatternOptimization(false)
			session = environment.createSession(content, options)
		} catch (Exception refused) {
			throw new Problem("$bundle.file: ONNX Runtime $version does not load its model.onnx (${said(refused)}); " +
				'export the model again.', refused)
		} finally {
			options.close()
		}
		try {
			def facts = factsOf(session, bundle)
			grid = facts.grid as int[]
			reach = facts.reach as int[]
			rays = facts.rays as int
			channels = session.inputInfo.input.info.shape[3] as int
			tryOut(bundle)
		} catch (Throwable failure) {
			session.close()
			throw failure
		}
	}

	/**
	 * Runs the network.
	 *
	 * @param image (h, w, channels) normalised, in a direct buffer; h and w multiples of 64
	 * @return probability (h / grid, w / grid) and distances (h / grid, w / grid, rays), one after another
	 */
	float[][] run(FloatBuffer image, int h, int w) {
		def tensor = tensors.createTensor(environment, image, [1, h, w, channels] as long[])
		try {
			def result = session.run([input: tensor], runs)
			try {
				return [result.get('prob').get().getFloatBuffer().array(),
					result.get('dist').get().getFloatBuffer().array()] as float[][]
			} finally {
				result.close()
			}
		} catch (Exception failed) {
			if (stopped) throw new Cancelled()
			if ("$failed.message".contains('alloc')) {
				throw new Problem("$name: ONNX Runtime ran out of memory on $w x $h pixels; close other programs.", failed)
			}
			throw new Problem("$name: ONNX Runtime failed on $w x $h pixels (${said(failed)}).", failed)
		} finally {
			tensor.close()
		}
	}

	/** A direct buffer for the pixels of an image, all 0. */
	static FloatBuffer buffer(int size) {
		return ByteBuffer.allocateDirect(size * 4).order(ByteOrder.nativeOrder()).asFloatBuffer()
	}

	/** Ends the runs under way, each within one of its layers. */
	void stop() {
		stopped = true
		runs.setTerminate(true)
	}

	void close() {
		session.close()
		runs.close()
	}

	private static Map factsOf(session, Bundle bundle) {
		def facts = [:]
		session.metadata.customMetadata.each { key, text ->
			try {
				facts[key] = new JsonSlurper().parseText(text)
			} catch (Exception ofAnotherWriter) {
				facts.remove(key)
			}
		}
		def whole = { it instanceof Integer && it > 0 && it < 65536 }
		def two = { it instanceof List && it.size() == 2 && it.every(whole) }
		if (!session.inputNames.contains('input') || !session.outputNames.containsAll(['prob', 'dist']) ||
				!two(facts.grid) || !two(facts.reach) || !whole(facts.rays)) {
			throw new Problem("$bundle.file: its model.onnx is none that particlebridge export wrote; export the model again.")
		}
		for (key in ['digest', 'grid', 'rays']) {
			if (bundle.facts[key] != null && bundle.facts[key] != facts[key]) {
				throw new Problem("$bundle.file: holds model.onnx of another model than particlebridge.json tells ($key); " +
					'export the model again.')
			}
		}
		return facts
	}

	/** Runs the network once on a blank image, and checks that its results have the sizes that its metadata tell. */
	private void tryOut(Bundle bundle) {
		def (prob, dist) = run(buffer(64 * 64 * channels), 64, 64) as List
		int points = Math.floorDiv(64, grid[0]) * Math.floorDiv(64, grid[1])
		if (prob.length != points || dist.length != points * rays) {
			throw new Problem("$bundle.file: its model.onnx gives other sizes than it tells; export the model again.")
		}
	}

	private static Class found(String name) {
		for (loader in [Thread.currentThread().contextClassLoader, OnnxNetwork.classLoader]) {
			try {
				if (loader != null) return Class.forName("ai.onnxruntime.$name", false, loader)
			} catch (ClassNotFoundException | NoClassDefFoundError absent) {
				continue
			}
		}
		return null
	}

	private static String said(Throwable failure) {
		Throwable cause = Report.rootOf(failure)
		return (cause.message ?: cause.toString()).readLines().first().take(200)
	}
}
