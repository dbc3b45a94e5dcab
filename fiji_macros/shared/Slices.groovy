import groovy.transform.CompileStatic
import ij.IJ
import ij.ImagePlus
import ij.measure.Calibration
import ij.process.ColorProcessor
import ij.process.FloatProcessor
import ij.process.ImageProcessor

/** The slices of one view of an image, a stack or a folder of images, as grey values. */
class Slices {

	static final List<String> SUFFIXES = ['.tif', '.tiff', '.png', '.jpg', '.jpeg', '.bmp', '.gif']

	/** Property of images that are results. */
	static final String RESULT = 'particlebridge'

	/** Numbers of rows and columns, and how many slices. */
	int h
	int w
	int count
	/** Size of a pixel in micrometres: from slice to slice, down, across; 1 if the image does not say. */
	double[] spacing = [1, 1, 1]
	boolean calibrated
	String name
	/** Changes when the files do; empty for an image that is open. */
	String stamp = ''
	/** Slice number (from 0) to its pixels. */
	Closure<ImageProcessor> processor
	/** ImageJ keeps signed 16-bit values with an offset. */
	boolean signed

	private List<ImageProcessor> planes

	/**
	 * The values of a slice (from 0), row by row, nothing but numbers.
	 *
	 * @param channels 1 for grey values; 3 for red, then green, then blue
	 */
	synchronized float[] slice(int i, int channels = 1) {
		ImageProcessor pixels = processor.call(i)
		if (channels == 3 && pixels instanceof ColorProcessor) return colours((ColorProcessor) pixels)
		if (channels != 1) {
			throw new Problem("$name: this model takes ${channels == 3 ? 'colour images' : "images of $channels channels"}, " +
				'and this one is grey.')
		}
		grey(pixels).setCalibrationTable(null)
		def values = (float[]) pixels.convertToFloatProcessor().getPixels()
		if (signed) for (int k = 0; k < values.length; k++) values[k] -= 32768f
		return FieldOfView.filled(values, h, w, "$name, slice ${i + 1}")
	}

	/** Opens a TIFF stack or a folder of slices; the slices of a folder are read one by one. */
	static Slices open(File file, double pixelSize) {
		if (!file.exists()) throw new Problem("$file: there is no such file or folder.")
		if (!file.directory) {
			def one = of(openImage(file), file.name, pixelSize)
			one.stamp = stampOf([file])
			return one
		}
		def files = imagesIn(file)
		if (files.empty) throw new Problem("$file: holds no image (${SUFFIXES.join(', ')}).")
		def first = openImage(files[0])
		def slices = new Slices(h: first.height, w: first.width, count: files.size(), name: file.name,
			stamp: stampOf(files), signed: first.calibration.isSigned16Bit())
		slices.measure(first.calibration, pixelSize)
		slices.processor = { int i ->
			def image = openImage(files[i])
			if (image.height != first.height || image.width != first.width || image.stackSize != 1) {
				throw new Problem("${files[i]}: is $image.width x $image.height x $image.stackSize; the slices of one " +
					"folder must be single images of one size, the first is $first.width x $first.height.")
			}
			image.getProcessor()
		}
		return slices
	}

	static Slices of(ImagePlus image, String name, double pixelSize) {
		def result = image.getProp(RESULT)
		if (result != null) {
			throw new Problem("$name: is a result of Particlebridge ($result), not an image to segment; click on the image " +
				'that is to be segmented, or name its file (image=...).')
		}
		if (image.NChannels > 1 || (image.NSlices > 1 && image.NFrames > 1)) {
			throw new Problem("$name: has $image.NChannels channels and $image.NFrames frames; " +
				'one channel is needed: Image > Color > Split Channels, or Image > Duplicate...')
		}
		def slices = new Slices(h: image.height, w: image.width, count: image.stackSize, name: name,
			signed: image.calibration.isSigned16Bit())
		slices.measure(image.calibration, pixelSize)
		slices.processor = { int i -> image.getStack().getProcessor(i + 1) }
		return slices
	}

	/** Opens one file with ImageJ, and with SCIFIO or Bio-Formats through it where Fiji has them. */
	static ImagePlus openImage(File file) {
		if (!file.exists()) throw new Problem("$file: there is no such file.")
		ImagePlus image = null
		try {
			image = IJ.openImage(file.path)
		} catch (Exception unreadable) {
			throw new Problem("$file: cannot be opened ($unreadable.message); save it as TIFF.", unreadable)
		}
		if (image == null) throw new Problem("$file: ImageJ cannot open it; save it as an uncompressed TIFF.")
		return image
	}

	/** The images of a folder in the order of the numbers in their names. */
	static List<File> imagesIn(File folder) {
		def files = folder.listFiles()?.findAll { f ->
			f.file && !f.name.startsWith('.') && SUFFIXES.any { f.name.toLowerCase().endsWith(it) }
		} ?: []
		return files.sort { a, b -> naturalKey(a.name) <=> naturalKey(b.name) ?: a.name <=> b.name }
	}

	/** A text that sorts as people count: slice_9 before slice_10. */
	static String naturalKey(String name) {
		name.toLowerCase().replaceAll(/\d+/) { String digits ->
			def short_ = digits.replaceFirst(/^0+(?=\d)/, '')
			String.format('%04d', short_.length()) + short_
		}
	}

	/** The slices of this volume in another direction: xz has rows = z; yz rows = z and columns = y. */
	Slices view(String view) {
		if (view == 'xy') return this
		if (planes == null) planes = (0..<count).collect { grey(processor.call(it)) }
		def volume = planes
		boolean xz = view == 'xz'
		def (step, height, width) = spacing as List
		return new Slices(name: "$name, view $view", stamp: stamp, calibrated: calibrated, h: count, w: xz ? w : h,
			count: xz ? h : w, spacing: (xz ? [height, step, width] : [width, step, height]) as double[],
			processor: { int i -> resliced(volume, xz, i) }, signed: signed)
	}

	@CompileStatic
	static ImageProcessor resliced(List<ImageProcessor> volume, boolean xz, int i) {
		ImageProcessor first = volume.get(0)
		int columns = xz ? first.width : first.height
		FloatProcessor result = new FloatProcessor(columns, volume.size())
		float[] pixels = (float[]) result.getPixels()
		for (int z = 0; z < volume.size(); z++) {
			ImageProcessor plane = volume.get(z)
			for (int k = 0; k < columns; k++) {
				pixels[z * columns + k] = xz ? plane.getf(k, i) : plane.getf(i, k)
			}
		}
		return result
	}

	/** Factors, down and across, that give pixels as fine as the finest voxel side, and square. */
	List<Double> squarePixels() {
		double finest = (count > 1 ? spacing.toList() : spacing.toList().drop(1)).min()
		return [spacing[1] / finest, spacing[2] / finest]
	}

	Calibration calibration() {
		def c = new Calibration()
		if (calibrated) {
			c.unit = 'micron'
			c.pixelDepth = spacing[0]
			c.pixelHeight = spacing[1]
			c.pixelWidth = spacing[2]
		}
		return c
	}

	/** Bytes and latest date of files: another volume under the same name is not taken for the old one. */
	static String stampOf(List<File> files) { "${files.sum { it.length() }}@${files.max { it.lastModified() }.lastModified()}" }

	private void measure(Calibration calibration, double pixelSize) {
		double unit = micrometres(calibration.unit)
		if (pixelSize > 0) {
			spacing = [pixelSize, pixelSize, pixelSize] as double[]
			calibrated = true
		} else if (unit > 0) {
			spacing = [calibration.pixelDepth * unit, calibration.pixelHeight * unit, calibration.pixelWidth * unit] as double[]
			calibrated = true
		}
	}

	/** How many micrometres a unit of length is; 0 if it is none. */
	static double micrometres(String unit) {
		switch (unit?.trim()?.toLowerCase()) {
			case ['um', '\u00b5m', '\u03bcm', 'micron', 'microns', 'micrometer', 'micrometre']: return 1
			case ['nm', 'nanometer', 'nanometre', 'nanometers']: return 1e-3d
			case ['mm', 'millimeter', 'millimetre', 'millimeters']: return 1e3d
			case ['cm', 'centimeter', 'centimetre']: return 1e4d
			case ['m', 'meter', 'metre']: return 1e6d
			default: return 0
		}
	}

	@CompileStatic
	private static float[] colours(ColorProcessor pixels) {
		int[] packed = (int[]) pixels.getPixels()
		float[] result = new float[3 * packed.length]
		for (int k = 0; k < packed.length; k++) {
			result[k] = (packed[k] >> 16) & 255
			result[k + packed.length] = (packed[k] >> 8) & 255
			result[k + 2 * packed.length] = packed[k] & 255
		}
		return result
	}

	private ImageProcessor grey(ImageProcessor pixels) {
		if (pixels instanceof ColorProcessor) {
			throw new Problem("$name: is a colour image and the model takes grey ones; make it grey first: Image > Type > 8-bit")
		}
		return pixels
	}
}
