import groovy.transform.CompileStatic
import ij.ImagePlus
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.regex.Matcher

/** What a TIFF of labels records of itself: the digest by which corrections know the labels that they begin with. */
@CompileStatic
class LabelRecord {

	private static final int SOFTWARE = 305
	private static final String OURS = 'Particlebridge'

	/** The digest, which counts only as long as nobody else has saved the file. */
	static String digestOf(ImagePlus labels, File file) {
		Matcher note = (labels.infoProperty ?: '') =~ /Particlebridge labels ([0-9a-f]{16})/
		// ImageJ keeps the line when it saves the image, whatever was changed; it does not keep who wrote the file.
		if (!note.find() || software(file) != OURS) {
			throw new Problem("$file: was saved by another program than Particlebridge, so that corrections cannot be tied to it: " +
				'put back the labels.tif of the run, or make it again (particlebridge run or fuse, or Fuse Views).')
		}
		return note.group(1)
	}

	/** The program that wrote a TIFF, as it says itself; null if it does not. */
	private static String software(File file) {
		RandomAccessFile tiff = new RandomAccessFile(file, 'r')
		try {
			ByteBuffer head = read(tiff, 0, 8)
			ByteOrder order = head.get(0) == (byte) 73 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN
			long directory = head.order(order).getInt(4) & 0xffffffffL
			int entries = read(tiff, directory, 2).order(order).getShort(0)
			for (int k = 0; k < entries; k++) {
				ByteBuffer entry = read(tiff, directory + 2 + 12L * k, 12).order(order)
				if (entry.getShort(0) != (short) SOFTWARE) continue
				int length = entry.getInt(4)
				ByteBuffer text = length > 4 ? read(tiff, entry.getInt(8) & 0xffffffffL, length) : entry
				return new String(text.array(), length > 4 ? 0 : 8, length, 'US-ASCII').replace('\u0000', '').trim()
			}
			return null
		} finally {
			tiff.close()
		}
	}

	private static ByteBuffer read(RandomAccessFile file, long from, int length) {
		byte[] bytes = new byte[length]
		file.seek(from)
		file.readFully(bytes)
		return ByteBuffer.wrap(bytes)
	}
}
