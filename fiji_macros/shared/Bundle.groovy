import groovy.json.JsonSlurper
import java.security.MessageDigest
import java.util.zip.ZipException
import java.util.zip.ZipFile

/** A model that Fiji can run: a zip with saved_model.pb at its root, and what it knows of itself. */
class Bundle {

	final File file
	/** particlebridge.json; empty for a zip made elsewhere. */
	final Map facts

	private Bundle(File file, Map facts) {
		this.file = file
		this.facts = facts
	}

	static Bundle open(File file) {
		if (!file.exists()) throw new Problem("$file: there is no such model.")
		if (file.directory) throw new Problem("$file: is a folder; Fiji needs the exported bundle (.zip).")
		ZipFile zip
		try {
			zip = new ZipFile(file)
		} catch (ZipException damaged) {
			throw new Problem("$file: is no readable zip ($damaged.message); export the model again.", damaged)
		}
		try {
			if (zip.getEntry('saved_model.pb') == null) {
				throw new Problem("$file: holds no saved_model.pb at its root, so it is no model for Fiji; " +
					'make one with: particlebridge export MODEL')
			}
			def entry = zip.getEntry('particlebridge.json')
			def facts = entry == null ? [:] : parse(zip.getInputStream(entry).getText('UTF-8'), file)
			if ("$facts.kind".startsWith('care')) {
				throw new Problem("$file: is a CARE model, which restores images and finds no particles; " +
					'choose a StarDist model, or run this one by Plugins › CSBDeep › Run your network.')
			}
			return new Bundle(file, facts)
		} finally {
			zip.close()
		}
	}

	private static Map parse(String json, File file) {
		def facts
		try {
			facts = new JsonSlurper().parseText(json)
		} catch (Exception broken) {
			throw new Problem("$file: its particlebridge.json is damaged; export the model again.", broken)
		}
		if (!(facts instanceof Map)) {
			throw new Problem("$file: its particlebridge.json is damaged; export the model again.")
		}
		return facts
	}

	/** The bytes of model.onnx; null if it holds none. */
	byte[] getOnnx() {
		def zip = new ZipFile(file)
		try {
			def entry = zip.getEntry('model.onnx')
			return entry == null ? null : zip.getInputStream(entry).bytes
		} catch (IOException damaged) {
			throw new Problem("$file: its model.onnx is damaged ($damaged.message); export the model again.", damaged)
		} finally {
			zip.close()
		}
	}

	/** What tells this model from another: the digest that it records, else its file's. */
	String getIdentity() {
		facts.digest ?: MessageDigest.getInstance('SHA-256').digest(file.bytes).encodeHex().toString()
	}

	/** The number at a path such as ('thresholds', 'prob'), or null. */
	Double number(String... path) {
		def value = facts
		for (key in path) value = value instanceof Map ? value[key] : null
		return value instanceof Number ? value.doubleValue() : null
	}

	List<Double> numbers(String key) {
		def value = facts[key]
		if (!(value instanceof List) || !value.every { it instanceof Number }) return null
		return value.collect { ((Number) it).doubleValue() }
	}
}
