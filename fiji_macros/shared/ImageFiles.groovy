import ij.IJ
import ij.ImagePlus

/** Files of images, opened as ImageJ and Fiji can. */
class ImageFiles {

	static final List<String> SUFFIXES = ['.tif', '.tiff', '.png', '.jpg', '.jpeg', '.bmp', '.gif']

	/** Opens one file with ImageJ, and with SCIFIO or Bio-Formats through it where Fiji has them. */
	static ImagePlus open(File file) {
		if (!file.exists()) throw new Problem("$file: there is no such file.")
		ImagePlus image = null
		try {
			image = IJ.openImage(file.path)
		} catch (Exception unreadable) {
			throw new Problem("$file: cannot be opened ($unreadable.message); save it as TIFF.", unreadable)
		}
		if (image == null) throw new Problem("$file: ImageJ cannot open it; save it as an uncompressed TIFF, and give Fiji more " +
			'memory (Edit > Options > Memory & Threads...) if the image is as large as that.')
		return image
	}

	/** The images of a folder in the order of the numbers in their names. */
	static List<File> of(File folder) {
		def files = folder.listFiles()?.findAll { f ->
			f.file && !f.name.startsWith('.') && SUFFIXES.any { f.name.toLowerCase().endsWith(it) }
		} ?: []
		return files.sort { a, b -> naturalKey(a.name) <=> naturalKey(b.name) ?: a.name <=> b.name }
	}

	/** A text that sorts as people count: slice_9 before slice_10. */
	static String naturalKey(String name) {
		name.toLowerCase().replaceAll(/\d+/) { String digits ->
			def short_ = digits.replaceFirst(/^0+(?=\d)/, '')
			String.format('%04d', short_.length()) + short_
		}
	}

	/** Bytes and latest date of files: another volume under the same name is not taken for the old one. */
	static String stampOf(List<File> files) { "${files.sum { it.length() }}@${files.max { it.lastModified() }.lastModified()}" }
}
