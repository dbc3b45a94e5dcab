import ij.ImagePlus
import ij.io.FileSaver
import java.nio.file.Files
import java.nio.file.StandardCopyOption

/** Files that are either whole or absent. */
class WholeFile {

	/** Lets `work` write beside a file, which appears when that is done. */
	static void write(File file, Closure work) {
		def beside = new File(file.absoluteFile.parentFile, '.partial-' + file.name)
		try {
			work.call(beside)
			Files.move(beside.toPath(), file.toPath(), StandardCopyOption.REPLACE_EXISTING)
		} finally {
			beside.delete()
		}
	}

	static void tiff(File file, ImagePlus image) {
		write(file) { File beside ->
			def saver = new FileSaver(image)
			if (!(image.stackSize > 1 ? saver.saveAsTiffStack(beside.path) : saver.saveAsTiff(beside.path))) {
				throw new Problem("$file: could not be written; is the disk full?")
			}
		}
	}
}
