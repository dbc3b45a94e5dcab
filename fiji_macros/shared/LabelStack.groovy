import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.process.StackConverter

/** A particle as it is: how many voxels, and where; the box is half open, z0 y0 x0 z1 y1 x1. */
@CompileStatic
class Body {

	long voxels
	int[] box = [Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE, 0, 0, 0] as int[]

	void add(int z, int y, int x) {
		voxels++
		if (z < box[0]) box[0] = z
		if (y < box[1]) box[1] = y
		if (x < box[2]) box[2] = x
		if (z >= box[3]) box[3] = z + 1
		if (y >= box[4]) box[4] = y + 1
		if (x >= box[5]) box[5] = x + 1
	}
}

/** 3-D labels in memory, as ImageJ opened them, and where each particle lies. */
@CompileStatic
class LabelStack {

	/** From here on 16 bits might not hold the labels of new parts. */
	private static final int NEARLY_FULL = 60000

	final ImagePlus image
	final int width, height, depth
	final Map<Integer, Body> bodies = new TreeMap<Integer, Body>()
	private final short[][] shorts
	private final float[][] floats

	LabelStack(ImagePlus image) {
		this.image = image
		width = image.width
		height = image.height
		depth = image.stackSize
		if (image.bitDepth == 8) convert(false)
		else if (image.bitDepth == 16 && highestOf(image) > NEARLY_FULL) convert(true)
		else if (!(image.bitDepth in [16, 32])) throw new Problem("$image.title: is a colour image, not labels.")
		boolean whole = image.bitDepth == 16
		shorts = new short[whole ? depth : 0][]
		floats = new float[whole ? 0 : depth][]
		for (int z = 0; z < depth; z++) {
			Object pixels = image.getStack().getPixels(z + 1)
			if (whole) shorts[z] = (short[]) pixels
			else floats[z] = (float[]) pixels
		}
		for (int z = 0; z < depth; z++) {
			for (int y = 0; y < height; y++) {
				for (int x = 0; x < width; x++) {
					int label = get(z, y, x)
					if (label == 0) continue
					Body body = bodies.get(label)
					if (body == null) bodies.put(label, body = new Body())
					body.add(z, y, x)
				}
			}
		}
	}

	private void convert(boolean to32) {
		StackConverter converter = new StackConverter(image)
		if (to32) converter.convertToGray32()
		else converter.convertToGray16()
	}

	private static int highestOf(ImagePlus image) {
		int highest = 0
		for (int z = 1; z <= image.stackSize; z++) {
			for (short value : (short[]) image.getStack().getPixels(z)) highest = Math.max(highest, value & 0xffff)
		}
		return highest
	}

	int get(int z, int y, int x) {
		int offset = y * width + x
		return shorts.length > 0 ? shorts[z][offset] & 0xffff : (int) floats[z][offset]
	}

	boolean holds(int z, int y, int x) { z >= 0 && z < depth && y >= 0 && y < height && x >= 0 && x < width }

	void fill(int z, int offset, int length, int label) {
		if (shorts.length > 0) Arrays.fill(shorts[z], offset, offset + length, (short) label)
		else Arrays.fill(floats[z], offset, offset + length, (float) label)
	}

	/** Does an edit, or takes it back; what it touched is measured again. */
	void write(LabelEdit edit, boolean after) {
		edit.write(this, after)
		for (int label : edit.labels()) {
			int[] box = (int[]) edit.box.clone()
			Body before = bodies.remove(label)
			if (before != null) {
				for (int k = 0; k < 3; k++) {
					box[k] = Math.min(box[k], before.box[k])
					box[k + 3] = Math.max(box[k + 3], before.box[k + 3])
				}
			}
			Body body = new Body()
			for (Voxels v = new Voxels(this, label, box); v.next();) body.add(v.z, v.y, v.x)
			if (body.voxels > 0) bodies.put(label, body)
		}
	}

	/** The voxel of a particle that is nearest to its centroid: z, y, x. */
	int[] placeOf(int label) {
		Body body = bodies.get(label)
		double[] centroid = new double[3]
		for (Voxels v = new Voxels(this, label, body.box); v.next();) {
			centroid[0] += v.z
			centroid[1] += v.y
			centroid[2] += v.x
		}
		for (int k = 0; k < 3; k++) centroid[k] /= body.voxels
		double least = Double.MAX_VALUE
		int[] place = new int[3]
		for (Voxels v = new Voxels(this, label, body.box); v.next();) {
			double dz = v.z - centroid[0], dy = v.y - centroid[1], dx = v.x - centroid[2]
			double square = dz * dz + dy * dy + dx * dx
			if (square >= least) continue
			least = square
			place[0] = v.z
			place[1] = v.y
			place[2] = v.x
		}
		return place
	}
}

/** Goes through the voxels of a label in a box, in the order z, y, x. */
@CompileStatic
class Voxels {

	int z, y, x
	private final LabelStack labels
	private final int label
	private final int[] box

	Voxels(LabelStack labels, int label, int[] box) {
		this.labels = labels
		this.label = label
		this.box = box
		z = box[0]
		y = box[1]
		x = box[2] - 1
	}

	boolean next() {
		while (z < box[3]) {
			if (++x >= box[5]) {
				x = box[2] - 1
				if (++y >= box[4]) {
					y = box[1]
					z++
				}
			} else if (labels.get(z, y, x) == label) return true
		}
		return false
	}
}
