import ij.ImagePlus
import ij.ImageStack
import ij.WindowManager
import ij.gui.Roi
import ij.plugin.frame.RoiManager

/** Labels edited by hand as regions, and what a training needs of them. */
class Corrections {

	final ImagePlus image
	final String name
	final Report report

	Corrections(ImagePlus image, String name, Report report) {
		this.image = image
		this.name = name
		this.report = report
	}

	/** The last labels of an image that Segment Image left open; null if there are none. */
	static ImagePlus openLabels(String name) {
		def open = (WindowManager.IDList ?: []).collect { WindowManager.getImage(it) }
		return open.findAll { it.getProp(Slices.RESULT) == 'labels' && it.getProperty(Slices.SOURCE) == name }.max { -it.ID }
	}

	/** Shows the image with the labels as regions, `wanted` in the ROI Manager as by Regions.wanted; without a window they are only saved as rois.zip. */
	void load(ImagePlus labels, String labelsName, File out, String wanted) {
		if (labels.width != image.width || labels.height != image.height || labels.stackSize != image.stackSize) {
			throw new Problem("$labelsName: is $labels.width x $labels.height x $labels.stackSize, but $name is " +
				"$image.width x $image.height x $image.stackSize; choose the labels of this image.")
		}
		def regions = []
		for (int z = 1; z <= labels.stackSize; z++) {
			for (roi in LabelRois.of(labels.getStack().getProcessor(z))) {
				if (labels.stackSize > 1) {
					roi.name = String.format('%04d-%s', z, roi.name)
					roi.position = z
				}
				regions << roi
			}
		}
		if (out != null) {
			out.mkdirs()
			RoiZip.write(new File(out, 'rois.zip'), regions)
		}
		report.say("$labelsName: ${regions.size()} regions")
		if (!report.headless) {
			image.show()
			def manager = Regions.put(regions, wanted, report)
			manager.runCommand('Associate', 'true')
			manager.runCommand('Show All with labels')
		}
	}

	List<Roi> managed() {
		def manager = RoiManager.getInstance()
		if (manager == null || manager.count == 0) {
			throw new Problem('The ROI Manager is empty: load labels first, or name a RoiSet.zip (rois=...).')
		}
		return manager.roisAsArray as List
	}

	/** Writes labels.tif and rois.zip, and for training the slices that bear regions: images/ and labels/. */
	void save(List<Roi> regions, File out) {
		def areas = regions.findAll { it.area }
		if (areas.empty) throw new Problem('None of the regions encloses an area; nothing is saved.')
		def stem = name.contains('.') ? name.substring(0, name.lastIndexOf('.')) : name
		['images', 'labels'].each { new File(out, it).mkdirs() }
		def stack = new ImageStack(image.width, image.height)
		int pairs = 0
		for (int z = 1; z <= image.stackSize; z++) {
			def here = areas.findAll { image.stackSize == 1 || positionOf(it) == z }
			def painted = LabelRois.labels(here, image.height, image.width)
			stack.addSlice(painted)
			if (!here.empty) {
				def file = stem + (image.stackSize == 1 ? '' : String.format('_%04d', z)) + '.tif'
				write(new ImagePlus(file, image.getStack().getProcessor(z)), new File(new File(out, 'images'), file))
				write(new ImagePlus(file, painted), new File(new File(out, 'labels'), file))
				pairs++
			}
		}
		def unplaced = image.stackSize > 1 ? areas.count { !(positionOf(it) in (1..image.stackSize)) } : 0
		if (unplaced) {
			report.say("$unplaced regions stand on no slice and are left out: set their position in the ROI Manager (Properties...)")
		}
		write(new ImagePlus('labels', stack), new File(out, 'labels.tif'))
		RoiZip.write(new File(out, 'rois.zip'), unique(areas))
		report.say("$out: ${areas.size() - unplaced} regions saved as labels; train on them with: particlebridge train " +
			"--images '$out/images/*.tif' --labels '$out/labels/*.tif' ($pairs pairs)")
	}

	private static int positionOf(Roi roi) { roi.ZPosition ?: roi.position }

	/** A zip holds a name only once; regions drawn by hand may share theirs. */
	private static List<Roi> unique(List<Roi> regions) {
		def seen = [] as Set
		regions.eachWithIndex { roi, i ->
			if (roi.name == null || !seen.add(roi.name)) {
				roi.name = String.format('%04d-%05d', positionOf(roi), i + 1)
				seen << roi.name
			}
		}
		return regions
	}

	private void write(ImagePlus picture, File file) {
		picture.calibration = image.calibration
		WholeFile.tiff(file, picture)
	}
}
