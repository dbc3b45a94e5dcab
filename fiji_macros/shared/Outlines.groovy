import groovy.transform.CompileStatic
import ij.gui.PolygonRoi
import ij.gui.Roi
import ij.process.ShortProcessor

/** Outlines of particles: brought to full size, painted into labels. */
@CompileStatic
class Outlines {

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

	/**
	 * Paints outlines as labels 1, 2, ...: the last first, so that the first, most probable one lies on
	 * top; a pixel belongs to the outline that holds its centre.
	 */
	static ShortProcessor paint(List<Roi> outlines, int h, int w) {
		if (outlines.size() > 65535) {
			throw new Problem("${outlines.size()} particles in one image; ImageJ's 16-bit labels hold 65535. Cut the image.")
		}
		ShortProcessor labels = new ShortProcessor(w, h)
		for (int i = outlines.size() - 1; i >= 0; i--) {
			labels.setValue((double) (i + 1))
			labels.fill(outlines.get(i))
		}
		labels.resetRoi()
		return labels
	}
}
