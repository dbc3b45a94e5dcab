import groovy.transform.CompileStatic
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.ByteChannel

/** Large images are gone through, written and read in strips of rows: no copy of the whole is made. */
@CompileStatic
class Strips {

	/** Values of a strip. */
	static int values = 1 << 22

	/** First row of each, and the one behind its last. */
	static List<int[]> of(int h, int w) {
		int rows = Math.max(1, Math.floorDiv(values, w))
		List<int[]> result = []
		for (int top = 0; top < h; top += rows) result.add([top, Math.min(h, top + rows)] as int[])
		return result
	}

	/** Writes short[] or float[]. */
	static void put(ByteChannel channel, ByteOrder order, Object pixels) {
		ByteBuffer bytes
		if (pixels instanceof short[]) {
			bytes = ByteBuffer.allocate(2 * ((short[]) pixels).length).order(order)
			bytes.asShortBuffer().put((short[]) pixels)
		} else {
			bytes = ByteBuffer.allocate(4 * ((float[]) pixels).length).order(order)
			bytes.asFloatBuffer().put((float[]) pixels)
		}
		while (bytes.hasRemaining()) channel.write(bytes)
	}

	/** Reads little-endian values. */
	static short[] shorts(ByteChannel channel, int h, int w) {
		short[] result = new short[h * w]
		for (int[] rows : of(h, w)) {
			int n = (rows[1] - rows[0]) * w
			bytes(channel, 2 * n).asShortBuffer().get(result, rows[0] * w, n)
		}
		return result
	}

	static float[] floats(ByteChannel channel, int h, int w) {
		float[] result = new float[h * w]
		for (int[] rows : of(h, w)) {
			int n = (rows[1] - rows[0]) * w
			bytes(channel, 4 * n).asFloatBuffer().get(result, rows[0] * w, n)
		}
		return result
	}

	private static ByteBuffer bytes(ByteChannel channel, int size) {
		ByteBuffer bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN)
		while (bytes.hasRemaining()) if (channel.read(bytes) < 0) throw new EOFException()
		bytes.rewind()
		return bytes
	}
}
