import groovy.transform.CompileStatic
import ij.VirtualStack
import ij.process.FloatProcessor
import ij.process.ImageProcessor
import ij.process.ShortProcessor

/** Finished slices seen as an ImageJ stack, read one at a time, so that a view need not fit in memory. */
@CompileStatic
class PartStack extends VirtualStack {

	private final int columns
	private final int rows
	private final int count
	private final String layer
	private final Closure<File> part

	PartStack(int w, int h, int count, String layer, Closure<File> part) {
		this.columns = w
		this.rows = h
		this.count = count
		this.layer = layer
		this.part = part
	}

	@Override ImageProcessor getProcessor(int n) {
		Object pixels = Particles.layer(part.call(n - 1), layer, rows, columns)
		return pixels instanceof short[] ? new ShortProcessor(columns, rows, (short[]) pixels, null) :
			new FloatProcessor(columns, rows, (float[]) pixels)
	}

	@Override Object getPixels(int n) { getProcessor(n).getPixels() }

	@Override int getSize() { count }

	@Override int size() { count }

	@Override int getWidth() { columns }

	@Override int getHeight() { rows }

	@Override int getBitDepth() { layer == 'labels' ? 16 : 32 }

	@Override String getSliceLabel(int n) { null }
}
