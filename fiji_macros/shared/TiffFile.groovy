import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.io.FileSaver
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption

/** A TIFF of one image, written strip by strip: ImageJ's own writer needs all of it in memory. */
@CompileStatic
class TiffFile {

	private static final int LENGTH = 257
	private static final int ROWS_PER_STRIP = 278
	private static final int STRIP_BYTES = 279

	/**
	 * Writes what ImageJ would, with its metadata.
	 *
	 * @param head an image of one row that has all but the other rows
	 * @param rows given first row and the one behind the last, their pixels: short[] or float[]
	 */
	static void write(File file, ImagePlus head, int h, Closure<Object> rows) {
		WholeFile.write(file) { File beside ->
			if (!new FileSaver(head).saveAsTiff(beside.path)) throw new Problem("$file: could not be written; is the disk full?")
			FileChannel channel = FileChannel.open(beside.toPath(), StandardOpenOption.READ, StandardOpenOption.WRITE)
			try {
				long row = head.width * (long) head.bytesPerPixel
				ByteOrder order = heighten(channel, h, row)
				channel.position(channel.size() - row)
				for (int[] strip : Strips.of(h, head.width)) Strips.put(channel, order, rows.call(strip[0], strip[1]))
			} finally {
				channel.close()
			}
		}
	}

	/** Tells a file of one row that it has more; the order of its bytes. */
	private static ByteOrder heighten(FileChannel channel, int h, long row) {
		ByteBuffer header = ByteBuffer.allocate((int) Math.min(channel.size(), 4096L))
		channel.read(header, 0)
		ByteOrder order = header.get(0) == 73 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN
		header.order(order)
		int directory = header.getInt(4)
		for (int k = 0; k < header.getShort(directory); k++) {
			int entry = directory + 2 + 12 * k
			int tag = header.getShort(entry)
			if (tag == LENGTH || tag == ROWS_PER_STRIP) header.putInt(entry + 8, h)
			else if (tag == STRIP_BYTES) header.putInt(entry + 8, (int) (h * row))
		}
		header.rewind()
		channel.write(header, 0)
		return order
	}
}
