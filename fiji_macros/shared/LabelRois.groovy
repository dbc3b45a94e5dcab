import groovy.transform.CompileStatic
import ij.gui.Roi
import ij.plugin.filter.ThresholdToSelection
import ij.process.ByteProcessor
import ij.process.ImageProcessor
import ij.process.ShortProcessor
import java.awt.Rectangle

/** Labels to regions and back: a region covers exactly the label's pixels. */
class LabelRois {

	/** One region for each label, in rising order; its name is the label. */
	static List<Roi> of(ImageProcessor labels) {
		def result = []
		boxes(labels).each { int label, Rectangle box ->
			result << one(labels, label, box)
		}
		return result
	}

	/** The region of a label whose pixels lie in a box; null if it has none. */
	static Roi one(ImageProcessor labels, int label, Rectangle box) {
		def mask = maskOf(labels, label, box)
		mask.setThreshold(255, 255, ImageProcessor.NO_LUT_UPDATE)
		Roi roi = new ThresholdToSelection().convert(mask)
		if (roi == null) return null
		roi.setLocation(box.@x + roi.bounds.x, box.@y + roi.bounds.y)
		roi.name = String.format('%04d', label)
		return roi
	}

	/** Labels 1, 2, ... in the order of the regions; where two overlap the first lies on top. */
	static ShortProcessor labels(List<Roi> rois, int h, int w) { Outlines.paint(rois, h, w) }

	@CompileStatic
	private static ByteProcessor maskOf(ImageProcessor labels, int label, Rectangle box) {
		ByteProcessor mask = new ByteProcessor(box.@width, box.@height)
		for (int y = 0; y < box.@height; y++) {
			for (int x = 0; x < box.@width; x++) {
				if ((int) labels.getf(box.@x + x, box.@y + y) == label) mask.set(x, y, 255)
			}
		}
		return mask
	}

	@CompileStatic
	private static SortedMap<Integer, Rectangle> boxes(ImageProcessor labels) {
		SortedMap<Integer, Rectangle> boxes = new TreeMap<Integer, Rectangle>()
		for (int y = 0; y < labels.height; y++) {
			for (int x = 0; x < labels.width; x++) {
				int label = (int) labels.getf(x, y)
				if (label == 0) continue
				Rectangle box = boxes.get(label)
				if (box == null) boxes.put(label, new Rectangle(x, y, 1, 1))
				else box.add(new Rectangle(x, y, 1, 1))
			}
		}
		return boxes
	}
}
