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
}
