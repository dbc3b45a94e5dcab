import groovy.json.JsonOutput
import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.ImageStack
import ij.gui.Roi
import ij.io.FileSaver
import ij.process.ColorProcessor
import ij.process.FloatProcessor
import ij.process.ImageProcessor

/**
 * What is kept of one image or of the slices of a stack: labels, prob and dist, ROIs, an overlay and a table. In a stack
 * no number stands for two particles: labels go on where those of the slice before end.
 */
class ImageResult {

	final Slices slices
	final Segmenter segmenter
	/** What was found in each slice. */
	final List<Particles> found
	/** How many particles there are. */
	final int count
	/** Outlines as the plugin found them, placed on their slices and named by their label, which is their place in the list. */
	final List<Roi> rois
	/** How many particles there are in the slices before each. */
	private final List<Integer> before = []
	private List<Map> measured

	ImageResult(List<Particles> found, Slices slices, Segmenter segmenter) {
		this.segmenter = segmenter
		this.found = found
		this.slices = slices
		int sum = 0
		found.eachWithIndex { it, i ->
			before << sum
			sum += it.outlines.size()
			slices.place(i, it.outlines)
		}
		count = sum
		rois = named(found.collectMany { it.outlines })
	}

	/** Labels in some rows of a slice (from 0): 16-bit where those of all slices fit, else 32-bit. */
	ImageProcessor labels(int i, int top, int bottom) {
		Outlines.paint(found[i].outlines, top, bottom, slices.w, before[i], Outlines.blank(count, bottom - top, slices.w))
	}

	/** objects.csv comes last: where it stands, the rest is whole. */
	void save(File folder) {
		if (!folder.directory && !folder.mkdirs()) throw new Problem("$folder: this folder cannot be made.")
		write(folder, 'labels', count) { int top, int bottom -> labels(0, top, bottom).pixels }
		write(folder, 'prob', 1) { int top, int bottom -> found[0].maps.probs(top, bottom) }
		write(folder, 'dist', found[0].maps.longest) { int top, int bottom -> found[0].maps.dists(top, bottom) }
		WholeFile.write(new File(folder, 'overlay.png')) { File beside ->
			if (!new FileSaver(new ImagePlus('overlay', drawn())).saveAsPng(beside.path)) {
				throw new Problem("$folder: overlay.png could not be written.")
			}
		}
		RoiZip.write(new File(folder, 'rois.zip'), rois)
		WholeFile.write(new File(folder, 'fiji.json')) { File beside -> beside.setText(record(), 'UTF-8') }
		WholeFile.write(new File(folder, 'objects.csv')) { File beside -> beside.withWriter('UTF-8') { table(it) } }
	}

	/**
	 * Writes a stack by ImageJ, one image, which may be large, strip by strip.
	 *
	 * @param most largest value that is shown
	 */
	private void write(File folder, String name, double most, Closure rows) {
		def file = new File(folder, name + '.tif')
		if (found.size() > 1) {
			WholeFile.tiff(file, image(name))
			return
		}
		def head = ours(name, new ImagePlus(name, name == 'labels' ? Outlines.blank(count, 1, slices.w) : new FloatProcessor(slices.w, 1)))
		head.setDisplayRange(0, most)
		TiffFile.write(file, head, slices.h, rows)
	}

	/** What is needed to repeat it. */
	private String record() {
		JsonOutput.prettyPrint(JsonOutput.toJson(segmenter.facts() + [image: slices.name, taken: slices.taken, particles: count,
			unit: slices.unit, pixel_size: slices.pixelSides() as List]))
	}

	/** One of our images: 'labels', 'prob' or 'dist'. */
	ImagePlus image(String name) {
		def stack = new ImageStack(slices.w, slices.h)
		found.eachWithIndex { it, i -> stack.addSlice(name == 'labels' ? labels(i, 0, slices.h) : name == 'prob' ? it.probImage() : it.distImage()) }
		def image = new ImagePlus(name, stack)
		if (slices.axis == 'frame') image.setDimensions(1, 1, found.size())
		return ours(name, image)
	}

	/** The image knows what it is, so that it is not segmented in its turn. */
	private ImagePlus ours(String name, ImagePlus image) {
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

	/** The outlines on the image, of a stack on the slice that has most of them; of a large image only every n-th pixel is shown. */
	ColorProcessor drawn() {
		int most = (0..<found.size()).max { found[it].outlines.size() }
		int step = Outlines.stepFor(slices.h, slices.w)
		if (step > 1) segmenter.tell("$slices.name: overlay.png is $step times smaller than the image")
		def grey = slices.slice(most, segmenter.channels).grey()
		long last = slices.h * (long) slices.w - 1
		def ends = Normalisation.valuesAt(grey, (long) (0.005 * last), (long) (0.998 * last))
		def image = grey.thinned(step)
		image.setMinAndMax(ends[0], ends[1])
		def picture = image.convertToByteProcessor().convertToColorProcessor()
		found[most].outlines.each { Roi outline ->
			picture.setColor(outline.strokeColor)
			picture.draw(step == 1 ? outline : Outlines.shrunk(outline, step))
		}
		return picture
	}

	/** The same columns as Python's objects.csv, and of a stack the slice: lengths in the column unit: micrometres where the image's unit is known. */
	private void table(Writer lines) {
		boolean several = slices.count > 1
		lines << (['label'] + (several ? [slices.axis] : []) + ['y,x,area,major_axis,minor_axis,orientation,probability,unit']).join(',') << '\n'
		measured().each { row ->
			def values = (row.moments[1..6] + [row.probability]).collect { String.format(Locale.ROOT, '%.6g', it as double) }
			lines << ([row.label] + (several ? [row.slice] : []) + values + [slices.unit]).join(',') << '\n'
		}
	}

	/** Of each particle that others do not hide: slice (from 1), label, moments and probability. */
	List<Map> measured() {
		if (measured != null) return measured
		measured = []
		found.eachWithIndex { particles, i ->
			moments(particles, *slices.pixelSides()).eachWithIndex { double[] m, int k ->
				if (m[0] > 0) measured << [slice: i + 1, label: before[i] + k + 1, moments: m, probability: particles.rays[k][2]]
			}
		}
		return measured
	}

	/** For each label of a slice: pixels, y, x, area, axes of the ellipse with equal second moments, its angle from y to x. */
	@CompileStatic
	static List<double[]> moments(Particles particles, double height, double width) {
		double[][] sums = new double[particles.outlines.size()][6]
		int w = particles.w
		for (int[] rows : Strips.of(particles.h, w)) {
			ImageProcessor labels = particles.labels(rows[0], rows[1])
			for (int i = 0; i < w * labels.height; i++) {
				int k = (int) labels.getf(i)
				if (k == 0) continue
				double y = (rows[0] + i.intdiv(w).intValue()) * height
				double x = (i % w) * width
				double[] s = sums[k - 1]
				s[0] += 1
				s[1] += y
				s[2] += x
				s[3] += y * y
				s[4] += x * x
				s[5] += y * x
			}
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
