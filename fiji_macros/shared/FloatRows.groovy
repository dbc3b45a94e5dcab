import groovy.transform.CompileStatic
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption

/** A table of floats that grows by rows. What is too much for Java's memory lies in temporary files. */
@CompileStatic
class FloatRows {

	/** Floats of a table that are kept in memory. */
	static long inMemory = 1L << 24

	final int columns
	private final int rowsInPart
	private final List<FloatBuffer> parts = []

	/** @param rowsInPart so many are added at a time */
	FloatRows(int columns, int rowsInPart) {
		this.columns = columns
		this.rowsInPart = rowsInPart
	}

	void set(int row, int column, float value) { partOf(row).put((row % rowsInPart) * columns + column, value) }

	/** Copies a row out of an array. */
	void set(int row, float[] from, int offset) {
		FloatBuffer part = partOf(row).duplicate()
		part.position((row % rowsInPart) * columns)
		part.put(from, offset, columns)
	}

	/** Copies a row into an array. */
	void get(int row, float[] into, int offset) {
		FloatBuffer part = parts.get(Math.floorDiv(row, rowsInPart)).duplicate()
		part.position((row % rowsInPart) * columns)
		part.get(into, offset, columns)
	}

	private FloatBuffer partOf(int row) {
		int k = Math.floorDiv(row, rowsInPart)
		while (k >= parts.size()) parts.add(another())
		return parts.get(k)
	}

	private FloatBuffer another() {
		int size = rowsInPart * columns
		return (parts.size() + 1L) * size <= inMemory ? FloatBuffer.allocate(size) : mapped(size)
	}

	private static FloatBuffer mapped(int size) {
		File file = File.createTempFile('particlebridge-', '.floats')
		try {
			FileChannel channel = FileChannel.open(file.toPath(), StandardOpenOption.READ, StandardOpenOption.WRITE)
			try {
				// Written, not only made longer: a full disk is an error here, and would be the end of Java later on.
				ByteBuffer zeros = ByteBuffer.allocate(4 * size)
				while (zeros.hasRemaining()) channel.write(zeros)
				return channel.map(FileChannel.MapMode.READ_WRITE, 0, 4L * size).order(ByteOrder.nativeOrder()).asFloatBuffer()
			} finally {
				channel.close()
			}
		} catch (IOException full) {
			throw new Problem("$file.parent: what the network found could not be written into this folder for temporary files ($full.message); " +
				'make room there, or start Fiji with another one (-Djava.io.tmpdir=...).', full)
		} finally {
			// Where a file in use cannot be deleted (Windows), it goes when Fiji ends.
			if (!file.delete()) file.deleteOnExit()
		}
	}
}
