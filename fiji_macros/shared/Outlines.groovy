import groovy.transform.CompileStatic
import ij.gui.PolygonRoi
import ij.gui.Roi
import ij.process.FloatPolygon
import ij.process.FloatProcessor
import ij.process.ImageProcessor
import ij.process.ShortProcessor
import java.awt.Rectangle

/** Outlines of particles: brought to full size, painted into labels. */
@CompileStatic
class Outlines {

	static final int MOST_IN_16_BITS = 65535
	/** An overlay shows images of more pixels smaller. */
	static int overlay = 8192 * 8192

	/**
	 * An outline in the pixels of the image.
	 *
	 * @param x corners in the network's pixels, counted from the image's edge (a pixel's centre is at .5)
	 * @param factorX pixels of the image for one of the network's
	 */
	static PolygonRoi scaled(float[] x, float[] y, double factorX, double factorY) {
		float[] fullX = new float[x.length]
		float[] fullY = new float[y.length]
		for (int i = 0; i < x.length; i++) {
			fullX[i] = (float) (x[i] * factorX)
			fullY[i] = (float) (y[i] * factorY)
		}
		return new PolygonRoi(fullX, fullY, x.length, Roi.POLYGON)
	}

	/** Labels 1, 2, ... of whole slices, which stacks and regions need in 16 bits. */
	static ShortProcessor paint(List<Roi> outlines, int h, int w) {
		checkFor16Bits(outlines)
		return (ShortProcessor) paint(outlines, 0, h, w)
	}

	/** An image of 0 that can hold so many labels. */
	static ImageProcessor blank(int count, int h, int w) { count > MOST_IN_16_BITS ? new FloatProcessor(w, h) : new ShortProcessor(w, h) }

	/** How many pixels of an image, down and across, become one of its overlay. */
	static int stepFor(int h, int w) { (int) Math.ceil(Math.sqrt(h * (double) w / overlay)) }

	/** An outline on an image of which only every n-th pixel is left. */
	static PolygonRoi shrunk(Roi outline, int step) {
		FloatPolygon corners = outline.getFloatPolygon()
		return scaled(Arrays.copyOf(corners.xpoints, corners.npoints), Arrays.copyOf(corners.ypoints, corners.npoints), 1d / step, 1d / step)
	}

	static void checkFor16Bits(List<Roi> outlines) {
		if (outlines.size() > MOST_IN_16_BITS) {
			throw new Problem("${outlines.size()} particles in one image; ImageJ's 16-bit labels hold $MOST_IN_16_BITS. Cut the image.")
		}
	}

	/**
	 * Paints outlines as labels 1, 2, ... in some rows of an image: the last first, so that the first, most probable
	 * one lies on top; a pixel belongs to the outline that holds its centre. Labels that 16 bits cannot hold are
	 * floats, as ImageJ's own 32-bit labels are.
	 */
	static ImageProcessor paint(List<Roi> outlines, int top, int bottom, int w) {
		return paint(outlines, top, bottom, w, 0, blank(outlines.size(), bottom - top, w))
	}

	/** Paints into an image of these rows labels that go on behind `before`. */
	static ImageProcessor paint(List<Roi> outlines, int top, int bottom, int w, int before, ImageProcessor labels) {
		for (int i = outlines.size() - 1; i >= 0; i--) {
			Rectangle box = outlines.get(i).getBounds()
			int first = Math.max(top, box.@y), last = Math.min(bottom, box.@y + box.@height)
			int left = Math.max(0, box.@x), right = Math.min(w, box.@x + box.@width)
			if (first >= last || left >= right) continue
			// A region keeps the mask that it was asked for; the copy takes it along.
			ImageProcessor mask = ((Roi) outlines.get(i).clone()).getMask()
			for (int y = first; y < last; y++) {
				for (int x = left; x < right; x++) {
					if (mask == null || mask.get(x - box.@x, y - box.@y) != 0) labels.setf((y - top) * w + x, (float) (before + i + 1))
				}
			}
		}
		return labels
	}
}
