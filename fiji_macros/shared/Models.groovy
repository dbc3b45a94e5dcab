import ij.IJ
import ij.Prefs

/** The bundles in Fiji's folder models/Particlebridge, which are known by their names. */
class Models {

	private static final String LAST = 'particlebridge.model'

	/** nmc, if it is there, comes first: it is the one that is shipped. */
	static List<String> names() {
		def files = folder().listFiles()?.findAll { it.file && it.name.toLowerCase().endsWith('.zip') } ?: []
		return files*.name.collect { it[0..-5] }.sort { a, b -> (b == 'nmc') <=> (a == 'nmc') ?: a <=> b }
	}

	/** The bundle of that name or path. */
	static File file(String text) {
		def named = new File(folder(), text + '.zip')
		return text in names() && named.file ? named : new File(text)
	}

	/** The model that was last chosen in a dialog and is still there, else null. */
	static String remembered() {
		def text = Prefs.get(LAST, null)
		return text != null && file(text).file ? text : null
	}

	static void remember(String text) { Prefs.set(LAST, text) }

	static File folder() { new File(fiji(), 'models/Particlebridge') }

	/** Fiji's folder. */
	static File fiji() {
		new File(System.getProperty('imagej.dir') ?: System.getProperty('ij.dir') ?: IJ.getDirectory('imagej') ?: '.')
	}
}
