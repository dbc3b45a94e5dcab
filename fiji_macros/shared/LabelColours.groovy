import ij.ImagePlus
import ij.process.LUT
import java.awt.Color

/** A colour for every label, far from those of its neighbours. */
class LabelColours {

	static Color of(int i) { Color.getHSBColor((float) ((i + 1) * 0.61803398875d % 1), 0.9f, 1f) }

	private static LUT lut() {
		def parts = [new byte[256], new byte[256], new byte[256]]
		for (int i = 1; i < 256; i++) {
			def c = of(i - 1)
			[c.red, c.green, c.blue].eachWithIndex { value, k -> parts[k][i] = (byte) value }
		}
		return new LUT(parts[0], parts[1], parts[2])
	}

	/** Up to 255 labels have a colour of their own; of more, neighbours in number share one. */
	static void showIn(ImagePlus labels, int count) {
		labels.setLut(lut())
		labels.setDisplayRange(0, Math.max(255, count))
	}
}
