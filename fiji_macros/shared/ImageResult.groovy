import groovy.json.JsonOutput
import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.ImageStack
import ij.gui.Roi
import ij.io.FileSaver
import ij.process.ColorProcessor
import ij.process.FloatProcessor
import ij.process.ImageProcessor
import ij.process.ShortProcessor

/**
 * What is kept of one image or of the slices of a stack: labels, prob and dist, ROIs, an overlay and a table. In a stack
 * no number stands for two particles: labels go on where those of the slice before end.
 */
class ImageResult {

	private static final int MOST_16_BIT = 65535

	final Slices slices
	final Segmenter segmenter
	/** What was found in each slice. */
	final List<Particles> found
	/** How many particles there are. */
	final int count
	/** Of each slice: 16-bit where all fit, else 32-bit. */
	final List<ImageProcessor> labels
	/** Outlines as the plugin found them, placed on their slices and named by their label, which is their place in the list. */
	final List<Roi> rois
	private List<Map> measured

	ImageResult(List<Particles> found, Slices slices, Segmenter segmenter) {
		this.segmenter = segmenter
		this.found = found
		this.slices = slices
		count = found.sum { it.outlines.size() }
		int before = 0
		labels = found.collect {
			def numbered = raised(it.labels, before, count > MOST_16_BIT)
			before += it.outlines.size()
			numbered
		}
		found.eachWithIndex { it, i -> slices.place(i, it.outlines) }
		rois = named(found.collectMany { it.outlines })
	}

	/** Labels with `by` more; 0 stays. */
	@CompileStatic
	static ImageProcessor raised(ShortProcessor labels, int by, boolean wide) {
		if (by == 0 && !wide) return labels
		int size = labels.width * labels.height
		ImageProcessor result = wide ? new FloatProcessor(labels.width, labels.height) : labels
		for (int i = 0; i < size; i++) if (labels.get(i) > 0) result.setf(i, (float) (labels.get(i) + by))
		return result
	}

	/** objects.csv comes last: where it stands, the rest is whole. */
	void save(File folder) {
		if (!folder.directory && !folder.mkdirs()) throw new Problem("$folder: this folder cannot be made.")
		['labels', 'prob', 'dist'].each { WholeFile.tiff(new File(folder, it + '.tif'), image(it)) }
		WholeFile.write(new File(folder, 'overlay.png')) { File beside ->
			if (!new FileSaver(new ImagePlus('overlay', drawn())).saveAsPng(beside.path)) {
				throw new Problem("$folder: overlay.png could not be written.")
			}
		}
		RoiZip.write(new File(folder, 'rois.zip'), rois)
		WholeFile.write(new File(folder, 'fiji.json')) { File beside -> beside.setText(record(), 'UTF-8') }
		WholeFile.write(new File(folder, 'objects.csv')) { File beside -> beside.setText(table(), 'UTF-8') }
	}

	/** What is needed to repeat it. */
	private String record() {
		JsonOutput.prettyPrint(JsonOutput.toJson(segmenter.facts() + [image: slices.name, taken: slices.taken, particles: count,
			unit: slices.unit, pixel_size: slices.pixelSides() as List]))
	}

	/** One of our images, 'labels', 'prob' or 'dist': it knows what it is, so that it is not segmented in its turn. */
	ImagePlus image(String name) {
		def planes = name == 'labels' ? labels : found.collect { name == 'prob' ? it.probImage() : it.distImage() }
		def stack = new ImageStack(slices.w, slices.h)
		planes.each { stack.addSlice(it) }
		def image = new ImagePlus(name, stack)
		if (slices.axis == 'frame') image.setDimensions(1, 1, planes.size())
		image.calibration = slices.calibration()
		image.setProp(Slices.RESULT, name)
		return image
	}

	static List<Roi> named(List<Roi> outlines) {
		outlines.eachWithIndex { Roi outline, int i ->
			outline.name = String.format('%04d', i + 1)
			outline.strokeColor = LabelColours.of(i)
		}
		return outlines
	}

	/** The outlines on the image; of a stack on the slice that has most of them. */
	ColorProcessor drawn() {
		int most = (0..<found.size()).max { found[it].outlines.size() }
		def grey = brightness(slices.slice(most, segmenter.channels), slices.h * slices.w)
		def sorted = Arrays.copyOf(grey, grey.length)
		Arrays.sort(sorted)
		def image = new FloatProcessor(slices.w, slices.h, grey)
		image.setMinAndMax(sorted[(int) (0.005 * (sorted.length - 1))], sorted[(int) (0.998 * (sorted.length - 1))])
		def picture = image.convertToByteProcessor().convertToColorProcessor()
		found[most].outlines.each { Roi outline ->
			picture.setColor(outline.strokeColor)
			picture.draw(outline)
		}
		return picture
	}

	/** Grey values; of a colour image the mean of its channels. */
	@CompileStatic
	private static float[] brightness(float[] pixels, int count) {
		if (pixels.length == count) return pixels
		float[] mean = new float[count]
		int channels = Math.floorDiv(pixels.length, count)
		for (int i = 0; i < pixels.length; i++) mean[i % count] = (float) (mean[i % count] + pixels[i] / channels)
		return mean
	}

	/** The same columns as Python's objects.csv, and of a stack the slice: lengths in the column unit: micrometres where the image's unit is known. */
	String table() {
		boolean several = slices.count > 1
		def lines = [(['label'] + (several ? [slices.axis] : []) + ['y,x,area,major_axis,minor_axis,orientation,probability,unit']).join(',')]
		measured().each { row ->
			def values = (row.moments[1..6] + [row.probability]).collect { String.format(Locale.ROOT, '%.6g', it as double) }
			lines << ([row.label] + (several ? [row.slice] : []) + values + [slices.unit]).join(',')
		}
		return lines.join('\n') + '\n'
	}

	/** Of each particle that others do not hide: slice (from 1), label, moments and probability. */
	List<Map> measured() {
		if (measured != null) return measured
		measured = []
		int before = 0
		found.eachWithIndex { particles, i ->
			int first = before + 1
			moments(labels[i], first, particles.outlines.size(), *slices.pixelSides()).eachWithIndex { double[] m, int k ->
				if (m[0] > 0) measured << [slice: i + 1, label: first + k, moments: m, probability: particles.rays[k][2]]
			}
			before += particles.outlines.size()
		}
		return measured
	}

	/** For each label from `first`: pixels, y, x, area, axes of the ellipse with equal second moments, its angle from y to x. */
	@CompileStatic
	static List<double[]> moments(ImageProcessor labels, int first, int count, double height, double width) {
		double[][] sums = new double[count][6]
		int w = labels.width
		for (int i = 0; i < w * labels.height; i++) {
			int k = (int) labels.getf(i) - first
			if (k < 0 || k >= count) continue
			double y = i.intdiv(w).intValue() * height
			double x = (i % w) * width
			double[] s = sums[k]
			s[0] += 1
			s[1] += y
			s[2] += x
			s[3] += y * y
			s[4] += x * x
			s[5] += y * x
		}
		List<double[]> rows = []
		for (double[] s : sums) {
			double n = s[0]
			double y = s[1] / n
			double x = s[2] / n
			double yy = Math.max(0d, s[3] / n - y * y)
			double xx = Math.max(0d, s[4] / n - x * x)
			double yx = s[5] / n - y * x
			double middle = (yy + xx) / 2
			double spread = Math.sqrt((yy - xx) * (yy - xx) / 4 + yx * yx)
			double angle = yy == xx ? (yx > 0 ? -45d : 45d) : Math.toDegrees(0.5d * Math.atan2(2 * yx, yy - xx))
			rows.add([n, y, x, n * height * width, 4 * Math.sqrt(middle + spread),
				4 * Math.sqrt(Math.max(0d, middle - spread)), angle] as double[])
		}
		return rows
	}
}
