import groovy.transform.CompileStatic
import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.Roi
import ij.measure.Calibration
import ij.process.ColorProcessor
import ij.process.FloatProcessor
import ij.process.ImageProcessor

/** The slices of one view of an image, a stack or a folder of images, as grey values. */
class Slices {

	/** Property of images that are results. */
	static final String RESULT = 'particlebridge'
	/** Property of such an image while it is open: the title of the image that it is of. */
	static final String SOURCE = 'particlebridge.source'

	/** Numbers of rows and columns, and how many slices. */
	int h
	int w
	int count
	/** Size of a pixel: from slice to slice, down, across; 1 if the image does not say. */
	double[] spacing = [1, 1, 1]
	/** Of spacing: um; another one that is not known here; px, then spacing tells the ratio of the sides at most. */
	String unit = 'px'
	/** What the image says of its size, and keeps in the results: unit and sizes of a pixel. */
	private String ownUnit
	private double[] ownSpacing
	/** What it has several of: slice or frame. */
	String axis = 'slice'
	/** Of a stack: where ImageJ shows what is drawn on each slice, by the plane's number, or by channel, slice and frame. */
	private List<List<Integer>> positions
	/** The numbers of its planes in the stack. */
	private List<Integer> numbers
	/** Which planes of an image that has more. */
	String taken
	/** What people shall know of how the image was read. */
	final List<String> notes = []
	String name
	/** Which files and planes they are. */
	private String origin = ''
	/** What they are taken of; null: of the files of a folder. */
	ImagePlus image
	/** Its pixels, which tell it from others, do not stand in `origin` yet. */
	private boolean fileless
	/** Slice number (from 0) to its pixels. */
	Closure<ImageProcessor> processor
	/** ImageJ keeps signed 16-bit values with an offset. */
	boolean signed
	/** Values stand for colours. */
	boolean palette
	/** Bits of a pixel. */
	private int depth

	private List<ImageProcessor> planes

	/**
	 * The values of a slice (from 0), nothing but numbers.
	 *
	 * @param channels 1 for grey values; 3 for red, then green, then blue
	 */
	synchronized Pixels slice(int i, int channels = 1) {
		ImageProcessor pixels = processor.call(i)
		if (channels == 3 && palette && pixels.bitDepth == 8) pixels = pixels.convertToRGB()
		if (channels == 3 && pixels instanceof ColorProcessor) return Pixels.of(pixels)
		if (channels != 1) {
			throw new Problem("$name: this model takes ${channels == 3 ? 'colour images' : "images of $channels channels"}, " +
				'and this one is grey.')
		}
		pixels = grey(pixels)
		if (!(pixels instanceof FloatProcessor)) return Pixels.of(pixels, signed)
		return Pixels.of(FieldOfView.filled((float[]) pixels.getPixels(), h, w, "$name, slice ${i + 1}"), h, w)
	}

	/** Bytes for each pixel of what `slice` copies: colours that count as grey, a palette's colours, and NaN that is filled. */
	int copied(int channels) {
		if (palette) return channels == 1 ? 5 : 4
		return depth == 24 && channels == 1 ? 1 : depth == 32 ? 5 : 0
	}

	/** Whether `image` names something, or an image is open. */
	static boolean isThere(Inputs inputs) { inputs.fileOrNull('image') != null || WindowManager.currentImage != null }

	/** What `image` names, a TIFF stack or a folder of slices, which are read one by one; else the image in front. */
	static Slices of(Inputs inputs, Planes planes, double pixelSize) {
		def file = inputs.fileOrNull('image')
		def shown = file == null ? WindowManager.currentImage : null
		if (shown == null) return open(file, pixelSize, planes)
		def slices = of(shown, shown.title, pixelSize, planes)
		slices.fileless = true
		return slices
	}

	static Slices open(File file, double pixelSize, Planes planes) {
		if (!file.exists()) throw new Problem("$file: there is no such file or folder.")
		if (!file.directory) {
			def one = of(ImageFiles.open(file), file.name, pixelSize, planes)
			one.origin = ImageFiles.stampOf([file]) + one.origin
			return one
		}
		def files = ImageFiles.of(file)
		if (files.empty) throw new Problem("$file: holds no image (${ImageFiles.SUFFIXES.join(', ')}).")
		def first = ImageFiles.open(files[0])
		def slices = new Slices(h: first.height, w: first.width, count: files.size(), name: file.name,
			origin: ImageFiles.stampOf(files))
		slices.readAs(first)
		slices.measure(first.calibration, pixelSize)
		slices.processor = { int i ->
			def image = ImageFiles.open(files[i])
			if (image.height != first.height || image.width != first.width || image.stackSize != 1) {
				throw new Problem("${files[i]}: is $image.width x $image.height x $image.stackSize; the slices of one " +
					"folder must be single images of one size, the first is $first.width x $first.height.")
			}
			image.getProcessor()
		}
		return slices
	}

	static Slices of(ImagePlus image, String name, double pixelSize, Planes planes) {
		def result = image.getProp(RESULT)
		if (result != null) {
			throw new Problem("$name: is a result of Particlebridge ($result), not an image to segment; click on the image " +
				'that is to be segmented, or name its file (image=...).')
		}
		def numbers = planes.numbers(image, name)
		def slices = new Slices(h: image.height, w: image.width, count: numbers.size(), name: name, image: image, numbers: numbers,
			axis: planes.axis(image))
		if (numbers.size() < image.stackSize) slices.origin = " planes $numbers"
		slices.readAs(image)
		slices.measure(image.calibration, pixelSize)
		slices.processor = { int i -> image.getStack().getProcessor(numbers[i]) }
		if (image.stackSize > 1) slices.locate()
		return slices
	}

	private void locate() {
		def places = numbers.collect { image.convertIndexToPosition(it) as List }
		// As ImageJ places a selection: of a composite, which shows its channels together, on all of them.
		positions = image.hyperStack ? places.collect { c, z, t -> [image.displayMode == IJ.COMPOSITE ? 0 : c, z, t] } : numbers.collect { [it] }
		def (c, z, t) = places[0]
		def axes = [[image.getNChannels(), 'channel', c], [image.getNSlices(), 'slice', z], [image.getNFrames(), 'frame', t]].findAll { it[0] > 1 }
		taken = axes.collect { size, name, number -> count > 1 && name == axis ? "all $size ${name}s" : "$name $number of $size" }.join(', ')
		if (count == 1 || axes.size() > 1) notes << "$name: takes $taken"
		if (count > 1 && axis == 'frame') notes << "$name: its $count frames are taken one by one, as slices are"
	}

	/** Places outlines on the slice (from 0) that they were found in. */
	void place(int i, List<Roi> outlines) { if (positions) outlines.each { it.setPosition(*positions[i]) } }

	/** The slice (from 0) that the window shows, be it in another channel or frame. */
	int getShown() { count == 1 ? 0 : (axis == 'slice' ? image.getZ() : image.getT()) - 1 }

	/** Brings a slice into the window. */
	void show(int i) { image.setPosition(*image.convertIndexToPosition(numbers[i])) }

	/** Says how the image was read, once. */
	void tell(Report report) {
		notes.each { report.say(it) }
		notes.clear()
	}

	private void readAs(ImagePlus image) {
		signed = image.calibration.isSigned16Bit()
		depth = image.bitDepth
		palette = Planes.isPalette(image)
		if (palette) notes << "$name: is an 8-bit Color image; its colours count, not their numbers in its table"
		if (image.bitDepth == 8 && image.invertedLut) {
			notes << "$name: warning: is shown inverted; the network sees its values (Edit > Invert turns them)"
		}
	}

	/** Changes when the image or what is taken of it does. */
	String getStamp() {
		if (fileless) {
			origin = 'open ' + digest(image) + origin
			fileless = false
		}
		return origin
	}

	/** Tells one open image from another of the same title. */
	private static String digest(ImagePlus image) {
		long sum = 0
		for (int n = 1; n <= image.stackSize; n++) {
			def pixels = image.getStack().getProcessor(n).getPixels()
			sum = 31 * sum + Arrays.hashCode(pixels)
		}
		return Long.toHexString(sum)
	}

	/** The slices of this volume in another direction: xz has rows = z; yz rows = z and columns = y. */
	Slices view(String view) {
		if (view == 'xy') return this
		if (planes == null) planes = (0..<count).collect { grey(processor.call(it)) }
		def volume = planes
		boolean xz = view == 'xz'
		def turned = { double[] zyx -> (xz ? [zyx[1], zyx[0], zyx[2]] : [zyx[2], zyx[0], zyx[1]]) as double[] }
		return new Slices(name: "$name, view $view", origin: getStamp(), unit: unit, ownUnit: ownUnit, h: count, w: xz ? w : h,
			count: xz ? h : w, spacing: turned(spacing), ownSpacing: turned(ownSpacing),
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

	/** Up to three of its slices that lie apart, to estimate the particle diameter from. */
	List<Look> looks(int channels) {
		def chosen = (1..3).collect { (int) (it * (count - 1) / 4.0d) }.unique()
		return chosen.collect { look(it, channels) }
	}

	Look look(int i, int channels) {
		new Look(pixels: slice(i, channels), squares: squarePixels() as double[])
	}

	/** The image's own, or what was typed. */
	Calibration calibration() {
		def c = new Calibration()
		c.unit = ownUnit
		c.pixelDepth = ownSpacing[0]
		c.pixelHeight = ownSpacing[1]
		c.pixelWidth = ownSpacing[2]
		return c
	}

	/** Height and width of a pixel in `unit`, as tables are measured. */
	double[] pixelSides() { (unit == 'px' ? [1, 1] : [spacing[1], spacing[2]]) as double[] }

	private void measure(Calibration calibration, double pixelSize) {
		ownUnit = calibration.unit
		ownSpacing = [calibration.pixelDepth, calibration.pixelHeight, calibration.pixelWidth] as double[]
		if (pixelSize > 0) {
			spacing = [pixelSize, pixelSize, pixelSize] as double[]
			ownUnit = 'micron'
			ownSpacing = spacing
			unit = 'um'
			return
		}
		if (!ownSpacing.every { it > 0 && !Double.isInfinite(it) }) {
			notes << "$name: warning: its pixel size is no number above 0 and is left out"
			ownSpacing = spacing
			ownUnit = 'pixel'
			return
		}
		// ImageJ keeps a unit for each axis; most images have one for all.
		def units = [calibration.getZUnit(), calibration.getYUnit(), calibration.getXUnit()]
		def factors = units.collect { Units.micrometres(it) }
		if (factors.every { it > 0 }) {
			spacing = [ownSpacing, factors].transpose().collect { it[0] * it[1] } as double[]
			unit = 'um'
		} else if (units.toSet().size() == 1 && !Units.isPixel(ownUnit)) {
			spacing = ownSpacing
			unit = ownUnit
			notes << "$name: its unit, $ownUnit, is no length that is known here; objects.csv is in $ownUnit"
		} else if (units.every { Units.isPixel(it) }) {
			spacing = ownSpacing // the ratio of the sides
		} else {
			notes << "$name: warning: its axes have units that cannot be compared (${units.reverse().join(', ')}); sizes are in pixels"
		}
	}

	private ImageProcessor grey(ImageProcessor raw) {
		def pixels = Planes.read(raw, palette)
		if (pixels instanceof ColorProcessor) {
			throw new Problem("$name: is a colour image and the model takes grey ones; make it grey first: Image > Type > 8-bit")
		}
		return pixels
	}
}
