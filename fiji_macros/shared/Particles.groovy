import groovy.transform.CompileStatic
import ij.gui.Roi
import ij.process.FloatProcessor
import ij.process.ShortProcessor
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption

/** What was found in one image, and its file: a finished slice that survives a kill. */
class Particles {

	static final int MAGIC = 0x31504250 // "PBP1"

	int h
	int w
	int netH
	int netW
	/** Label k is outlines[k - 1]. */
	ShortProcessor labels
	/** Object probability, the grid filled. */
	float[] prob
	/** Mean of the rays' distances, pixels of the image. */
	float[] dist
	List<Roi> outlines
	/** For each outline: y, x, probability, distances; network pixels. */
	List<float[]> rays

	/**
	 * Writes beside, then renames: the file is whole or absent. Little-endian int32 magic, h, w, netH, netW,
	 * particles, values per particle; then labels (uint16), prob, dist and the particles' rays (float32).
	 */
	@CompileStatic
	void save(File file) {
		int columns = rays.isEmpty() ? 0 : rays.get(0).length
		int size = 28 + h * w * 10 + rays.size() * columns * 4
		ByteBuffer buffer = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN)
		for (int value : [MAGIC, h, w, netH, netW, rays.size(), columns] as int[]) buffer.putInt(value)
		buffer.asShortBuffer().put((short[]) labels.getPixels())
		buffer.position(28 + h * w * 2)
		buffer.asFloatBuffer().put(prob).put(dist)
		buffer.position(28 + h * w * 10)
		for (float[] row : rays) for (float value : row) buffer.putFloat(value)
		buffer.rewind()
		File beside = new File(file.parentFile, '.' + file.name + '.partial')
		FileChannel channel = FileChannel.open(beside.toPath(), StandardOpenOption.CREATE,
			StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)
		try {
			while (buffer.hasRemaining()) channel.write(buffer)
		} finally {
			channel.close()
		}
		Files.move(beside.toPath(), file.toPath(), StandardCopyOption.REPLACE_EXISTING)
	}

	/** One layer of a saved slice: 'labels', 'prob' or 'dist'. */
	@CompileStatic
	static Object layer(File file, String name, int h, int w) {
		ByteBuffer buffer = ByteBuffer.wrap(Files.readAllBytes(file.toPath())).order(ByteOrder.LITTLE_ENDIAN)
		if (buffer.capacity() < 28 + h * w * 10 || buffer.getInt(0) != MAGIC || buffer.getInt(4) != h ||
				buffer.getInt(8) != w) {
			throw new Problem("$file: is damaged or belongs to another image; delete the folder " +
				"$file.parent and run the same command again.")
		}
		if (name == 'labels') {
			short[] values = new short[h * w]
			buffer.position(28)
			buffer.asShortBuffer().get(values)
			return values
		}
		float[] values = new float[h * w]
		buffer.position(28 + h * w * (name == 'prob' ? 2 : 6))
		buffer.asFloatBuffer().get(values)
		return values
	}

	/** Those whose centre lies in a selection; their numbers start at 1 again. */
	Particles within(Roi selection) {
		def inside = (0..<outlines.size()).findAll {
			selection.contains((int) ((rays[it][1] + 0.5d) * w / netW), (int) ((rays[it][0] + 0.5d) * h / netH))
		}
		def result = new Particles(h: h, w: w, netH: netH, netW: netW, prob: prob, dist: dist)
		result.outlines = inside.collect { outlines[it] }
		result.rays = inside.collect { rays[it] }
		result.labels = Outlines.paint(result.outlines, h, w)
		return result
	}

	FloatProcessor probImage() { new FloatProcessor(w, h, prob) }

	FloatProcessor distImage() { new FloatProcessor(w, h, dist) }
}
