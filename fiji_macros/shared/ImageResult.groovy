import groovy.json.JsonOutput
import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.gui.Roi
import ij.io.FileSaver
import ij.process.ColorProcessor
import ij.process.FloatProcessor
import ij.process.ImageProcessor

/** What is kept of one image: labels, prob and dist, ROIs, an overlay and a table. */
class ImageResult {

	final Particles particles
	/** Grey values; of a colour image the mean of its channels. */
	final float[] grey
	final Slices slices
	final Segmenter segmenter

	ImageResult(Particles particles, float[] pixels, Slices slices, Segmenter segmenter) {
		this.segmenter = segmenter
		this.particles = particles
		this.grey = brightness(pixels, particles.h * particles.w)
		this.slices = slices
	}

	@CompileStatic
	private static float[] brightness(float[] pixels, int count) {
		if (pixels.length == count) return pixels
		float[] mean = new float[count]
		int channels = Math.floorDiv(pixels.length, count)
		for (int i = 0; i < pixels.length; i++) mean[i % count] = (float) (mean[i % count] + pixels[i] / channels)
		return mean
	}

	/** objects.csv comes last: where it stands, the rest is whole. */
	void save(File folder) {
		if (!folder.directory && !folder.mkdirs()) throw new Problem("$folder: this folder cannot be made.")
		['labels': particles.labels, 'prob': particles.probImage(), 'dist': particles.distImage()].each { name, pixels ->
			def image = image(name, pixels)
			WholeFile.write(new File(folder, name + '.tif')) { File beside ->
				if (!new FileSaver(image).saveAsTiff(beside.path)) throw new Problem("$folder: $name.tif could not be written.")
			}
		}
		WholeFile.write(new File(folder, 'overlay.png')) { File beside ->
			if (!new FileSaver(new ImagePlus('overlay', drawn())).saveAsPng(beside.path)) {
				throw new Problem("$folder: overlay.png could not be written.")
			}
		}
		RoiZip.write(new File(folder, 'rois.zip'), rois())
		WholeFile.write(new File(folder, 'fiji.json')) { File beside -> beside.setText(record(), 'UTF-8') }
		WholeFile.write(new File(folder, 'objects.csv')) { File beside -> beside.setText(table(), 'UTF-8') }
	}

	/** What is needed to repeat it. */
	private String record() {
		JsonOutput.prettyPrint(JsonOutput.toJson(segmenter.facts() + [image: slices.name, particles: particles.outlines.size(),
			unit: slices.unit, pixel_size: slices.pixelSides() as List]))
	}

	/** One of our images: it knows what it is, so that it is not segmented in its turn. */
	ImagePlus image(String name, ImageProcessor pixels) {
		def image = new ImagePlus(name, pixels)
		image.calibration = slices.calibration()
		image.setProp(Slices.RESULT, name)
		return image
	}

	/** The outlines as the plugin found them, named by their label. */
	List<Roi> rois() { named(particles.outlines) }

	static List<Roi> named(List<Roi> outlines) {
		outlines.eachWithIndex { Roi outline, int i ->
			outline.name = String.format('%04d', i + 1)
			outline.strokeColor = LabelColours.of(i)
		}
		return outlines
	}

	ColorProcessor drawn() {
		def sorted = Arrays.copyOf(grey, grey.length)
		Arrays.sort(sorted)
		def image = new FloatProcessor(particles.w, particles.h, Arrays.copyOf(grey, grey.length))
		image.setMinAndMax(sorted[(int) (0.005 * (sorted.length - 1))], sorted[(int) (0.998 * (sorted.length - 1))])
		def picture = image.convertToByteProcessor().convertToColorProcessor()
		particles.outlines.eachWithIndex { Roi outline, int i ->
			picture.setColor(LabelColours.of(i))
			picture.draw(outline)
		}
		return picture
	}

	/** The same columns as Python's objects.csv: lengths in the column unit: micrometres where the image's unit is known. */
	String table() {
		def m = moments(particles.labels, particles.outlines.size(), *slices.pixelSides())
		def lines = ['label,y,x,area,major_axis,minor_axis,orientation,probability,unit']
		m.eachWithIndex { double[] row, int i ->
			if (row[0] > 0) {
				lines << ([i + 1] + (row[1..6] + [particles.rays[i][2]]).collect { String.format(Locale.ROOT, '%.6g', it as double) } + [slices.unit]).join(',')
			}
		}
		return lines.join('\n') + '\n'
	}

	/** For each label: pixels, y, x, area, axes of the ellipse with equal second moments, its angle from y to x. */
	@CompileStatic
	static List<double[]> moments(ImageProcessor labels, int count, double height, double width) {
		double[][] sums = new double[count][6]
		int w = labels.width
		for (int i = 0; i < w * labels.height; i++) {
			int k = labels.get(i)
			if (k == 0 || k > count) continue
			double y = i.intdiv(w).intValue() * height
			double x = (i % w) * width
			double[] s = sums[k - 1]
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
