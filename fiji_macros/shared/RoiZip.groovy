import ij.gui.Roi
import ij.io.RoiDecoder
import ij.io.RoiEncoder
import java.util.zip.ZipEntry
import java.util.zip.ZipFile
import java.util.zip.ZipOutputStream

/** RoiSet.zip: regions as the ROI Manager saves them, without needing its window. */
class RoiZip {

	static void write(File file, List<Roi> rois) {
		WholeFile.write(file) { File beside ->
			def zip = new ZipOutputStream(new BufferedOutputStream(new FileOutputStream(beside)))
			try {
				for (roi in rois) {
					zip.putNextEntry(new ZipEntry(roi.name + '.roi'))
					zip.write(RoiEncoder.saveAsByteArray(roi))
					zip.closeEntry()
				}
			} finally {
				zip.close()
			}
		}
	}

	/** Reads the regions in the zip's own order. */
	static List<Roi> read(File file) {
		if (!file.exists()) throw new Problem("$file: there is no such file.")
		ZipFile zip
		try {
			zip = new ZipFile(file)
		} catch (IOException damaged) {
			throw new Problem("$file: is no readable RoiSet.zip ($damaged.message).", damaged)
		}
		def regions = []
		try {
			for (entry in zip.entries()) {
				if (!entry.name.toLowerCase().endsWith('.roi')) continue
				def roi = RoiDecoder.openFromByteArray(zip.getInputStream(entry).bytes)
				if (roi == null) throw new Problem("$file: $entry.name is no region.")
				roi.name = entry.name.substring(entry.name.lastIndexOf('/') + 1, entry.name.length() - 4)
				regions << roi
			}
		} finally {
			zip.close()
		}
		return regions
	}
}
