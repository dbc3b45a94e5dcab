import groovy.transform.CompileStatic
import ij.process.FloatProcessor
import ij.process.ImageProcessor

/**
 * The values of an image, read in windows: as floats, whatever the image holds. A large 8-bit image would take four
 * times as much memory if all of it were made floats.
 */
@CompileStatic
class Pixels {

	final int h
	final int w
	/** 1: grey; 3: red, green, blue. */
	final int channels
	/** byte[], short[], int[] (packed colours) or float[] (one channel after another). */
	private final Object values
	private final float offset

	protected Pixels(int h, int w, int channels) {
		this(null, h, w, channels, 0f)
	}

	private Pixels(Object values, int h, int w, int channels, float offset) {
		this.values = values
		this.h = h
		this.w = w
		this.channels = channels
		this.offset = offset
	}

	/** Row by row; of a colour image one channel after another. */
	static Pixels of(float[] values, int h, int w) { new Pixels(values, h, w, Math.floorDiv(values.length, h * w), 0f) }

	/** @param signed 16-bit values stand with an offset, as ImageJ keeps signed ones */
	static Pixels of(ImageProcessor image, boolean signed = false) {
		Object values = image.getPixels()
		return new Pixels(values, image.height, image.width, values instanceof int[] ? 3 : 1, signed ? -32768f : 0f)
	}

	/** Values of one channel, row by row: of rows top to bottom and columns left to right, the last ones not included. */
	float[] window(int channel, int top, int bottom, int left, int right) {
		int n = right - left
		float[] result = new float[(bottom - top) * n]
		for (int y = top; y < bottom; y++) copy(channel, y * w + left, n, result, (y - top) * n)
		return result
	}

	private void copy(int channel, int from, int n, float[] into, int at) {
		if (values instanceof float[]) System.arraycopy(values, channel * h * w + from, into, at, n)
		else if (values instanceof byte[]) {
			byte[] bytes = (byte[]) values
			for (int k = 0; k < n; k++) into[at + k] = (float) (bytes[from + k] & 255)
		} else if (values instanceof short[]) {
			short[] shorts = (short[]) values
			for (int k = 0; k < n; k++) into[at + k] = (float) ((shorts[from + k] & 65535) + offset)
		} else {
			int[] packed = (int[]) values
			int shift = 16 - 8 * channel
			for (int k = 0; k < n; k++) into[at + k] = (float) ((packed[from + k] >> shift) & 255)
		}
	}

	/** A copy of all values, one channel after another. */
	float[] all() {
		if (channels == 1) return window(0, 0, h, 0, w)
		float[] copy = new float[channels * h * w]
		for (int c = 0; c < channels; c++) System.arraycopy(window(c, 0, h, 0, w), 0, copy, c * h * w, h * w)
		return copy
	}

	/** Grey values: themselves, or the mean of the channels. */
	Pixels grey() { channels == 1 ? this : new Mean(this) }

	/** Of the first channel every n-th value down and across. */
	FloatProcessor thinned(int n) {
		int columns = Math.floorDiv(w + n - 1, n)
		int rows = Math.floorDiv(h + n - 1, n)
		float[] kept = new float[rows * columns]
		for (int y = 0; y < rows; y++) {
			float[] line = window(0, y * n, y * n + 1, 0, w)
			for (int x = 0; x < columns; x++) kept[y * columns + x] = line[x * n]
		}
		return new FloatProcessor(columns, rows, kept)
	}

	/** The part of h x w pixels in the middle. */
	Pixels middle(int h, int w) { h == this.h && w == this.w ? this : new Part(this, (this.h - h) >> 1, (this.w - w) >> 1, h, w) }

	private static class Mean extends Pixels {

		private final Pixels colours

		Mean(Pixels colours) {
			super(colours.h, colours.w, 1)
			this.colours = colours
		}

		@Override float[] window(int channel, int top, int bottom, int left, int right) {
			float[] mean = new float[(bottom - top) * (right - left)]
			for (int c = 0; c < colours.channels; c++) {
				float[] values = colours.window(c, top, bottom, left, right)
				for (int i = 0; i < mean.length; i++) mean[i] = (float) (mean[i] + values[i] / colours.channels)
			}
			return mean
		}
	}

	private static class Part extends Pixels {

		private final Pixels whole
		private final int y
		private final int x

		Part(Pixels whole, int y, int x, int h, int w) {
			super(h, w, whole.channels)
			this.whole = whole
			this.y = y
			this.x = x
		}

		@Override float[] window(int channel, int top, int bottom, int left, int right) {
			whole.window(channel, y + top, y + bottom, x + left, x + right)
		}
	}
}
