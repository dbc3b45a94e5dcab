import groovy.transform.CompileStatic
import ij.gui.Roi
import ij.process.FloatProcessor
import ij.process.ImageProcessor
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption

/** What was found in one image, and its file: a finished slice that survives a kill. */
@CompileStatic
class Particles {

	static final int MAGIC = 0x31504250 // "PBP1"

	/** Label k is outlines[k - 1]. */
	final List<Roi> outlines
	/** For each outline: y, x, probability, distances; network pixels. */
	final List<float[]> rays
	/** Object probability and mean of the rays' distances. */
	final GridMaps maps

	Particles(GridMaps maps, List<Roi> outlines, List<float[]> rays) {
		this.maps = maps
		this.outlines = outlines
		this.rays = rays
	}

	int getH() { maps.h }

	int getW() { maps.w }

	/** Labels of some rows of the image. */
	ImageProcessor labels(int top, int bottom) { Outlines.paint(outlines, top, bottom, w) }

	ImageProcessor getLabels() { labels(0, h) }

	FloatProcessor probImage() { new FloatProcessor(w, h, maps.probs(0, h)) }

	FloatProcessor distImage() { new FloatProcessor(w, h, maps.dists(0, h)) }

	/**
	 * The file is whole or absent. Little-endian int32 magic, h, w, netH, netW, particles, values per particle; then
	 * labels (uint16), prob, dist and the particles' rays (float32).
	 */
	void save(File file) {
		Outlines.checkFor16Bits(outlines)
		int columns = rays.isEmpty() ? 0 : rays.get(0).length
		WholeFile.write(file) { File beside ->
			FileChannel channel = FileChannel.open(beside.toPath(), StandardOpenOption.CREATE,
				StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)
			try {
				ByteBuffer head = ByteBuffer.allocate(28).order(ByteOrder.LITTLE_ENDIAN)
				for (int value : [MAGIC, h, w, maps.netH, maps.netW, rays.size(), columns] as int[]) head.putInt(value)
				head.rewind()
				channel.write(head)
				for (int[] rows : Strips.of(h, w)) Strips.put(channel, ByteOrder.LITTLE_ENDIAN, labels(rows[0], rows[1]).getPixels())
				for (int[] rows : Strips.of(h, w)) Strips.put(channel, ByteOrder.LITTLE_ENDIAN, maps.probs(rows[0], rows[1]))
				for (int[] rows : Strips.of(h, w)) Strips.put(channel, ByteOrder.LITTLE_ENDIAN, maps.dists(rows[0], rows[1]))
				for (float[] row : rays) Strips.put(channel, ByteOrder.LITTLE_ENDIAN, row)
			} finally {
				channel.close()
			}
		}
	}

	/** One layer of a saved slice: 'labels', 'prob' or 'dist'. */
	static Object layer(File file, String name, int h, int w) {
		FileChannel channel = FileChannel.open(file.toPath(), StandardOpenOption.READ)
		try {
			ByteBuffer head = ByteBuffer.allocate(28).order(ByteOrder.LITTLE_ENDIAN)
			channel.read(head)
			if (channel.size() < 28 + h * w * 10L || head.getInt(0) != MAGIC || head.getInt(4) != h || head.getInt(8) != w) {
				throw new Problem("$file: is damaged or belongs to another image; delete the folder " +
					"$file.parent and run the same command again.")
			}
			channel.position(28 + h * w * (name == 'labels' ? 0L : name == 'prob' ? 2L : 6L))
			if (name == 'labels') return Strips.shorts(channel, h, w) // in a choice of both, Groovy makes them floats
			return Strips.floats(channel, h, w)
		} finally {
			channel.close()
		}
	}

	/** Those whose centre lies in a selection; their numbers start at 1 again. */
	Particles within(Roi selection) {
		List<Roi> kept = []
		List<float[]> theirs = []
		for (int i = 0; i < outlines.size(); i++) {
			float[] row = rays.get(i)
			if (selection.contains((int) ((row[1] + 0.5d) * w / maps.netW), (int) ((row[0] + 0.5d) * h / maps.netH))) {
				kept.add(outlines.get(i))
				theirs.add(row)
			}
		}
		return new Particles(maps, kept, theirs)
	}
}
