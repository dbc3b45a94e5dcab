import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.Overlay
import ij.gui.Roi
import ij.plugin.frame.RoiManager
import java.awt.Point
import java.awt.Window

/** What is shown of one image: outlines on it, in front; labels behind it; regions; a table. */
class ResultWindows {

	static final String APPEND = 'append'
	static final String REPLACE = 'replace'
	private static final int STEP = 32

	private final ImagePlus source
	private final ImageResult result

	ResultWindows(ImagePlus source, ImageResult result) {
		this.source = source
		this.result = result
	}

	/** @param maps whether probability and distance are shown, too; @param regions of the ROI Manager: APPEND or REPLACE */
	void show(boolean maps, String regions) {
		if (!source.visible) source.show()
		draw(source, result.rois())
		def images = [labels: result.particles.labels]
		if (maps) images += [prob: result.particles.probImage(), dist: result.particles.distImage()]
		Window last = source.window
		images.each { name, pixels ->
			def image = result.image(name, pixels)
			image.title = WindowManager.makeUniqueName("$name of $source.title".toString())
			if (name == 'labels') pixels.setColorModel(ImageResult.labelColours())
			image.resetDisplayRange()
			image.show()
			last = place(image.window, last)
		}
		tabulate()
		manage(regions)
		source.window.toFront()
		WindowManager.setCurrentWindow(source.window)
	}

	/** Shows outlines over an image, in the place of those of before in the same slice; what the user drew there stays. */
	static void draw(ImagePlus image, List<Roi> outlines) {
		def overlay = new Overlay()
		def at = { Roi roi -> [roi.position, roi.ZPosition, roi.TPosition] }
		image.overlay?.findAll { it.getProperty(Slices.RESULT) == null || (outlines && at(it) != at(outlines[0])) }?.each { overlay.add(it) }
		outlines.each {
			it.setProperty(Slices.RESULT, 'outline')
			overlay.add(it)
		}
		image.setOverlay(overlay)
	}

	/** Right of the other window where there is room, else behind it and further down; never exactly on another. */
	private static Window place(Window window, Window other) {
		def taken = Window.windows.findAll { it.visible && !it.is(window) }*.location
		int right = other.x + other.width + 4
		def corner = right + window.width <= IJ.screenSize.width ? new Point(right, other.y) : other.location
		while (corner in taken) corner.translate(STEP, STEP)
		window.setLocation(corner)
		return window
	}

	private void tabulate() {
		def title = "Particles of $source.title".toString()
		ParticleTable.of(result).show(title)
		def window = WindowManager.getWindow(title)
		if (window == null) return // batch mode
		window.setSize(740, 240)
		def below = source.window.bounds
		int y = Math.min(below.@y + below.@height + 4, IJ.screenSize.height - window.height)
		window.setLocation(below.@x, y)
	}

	private void manage(String regions) {
		boolean open = RoiManager.getInstance()?.visible
		def manager = RoiManager.getRoiManager()
		if (!open) manager.setLocation(Math.max(0, source.window.x - manager.width - 4), source.window.y)
		if (regions == REPLACE) manager.reset()
		result.rois().each { manager.addRoi(it) }
	}
}
