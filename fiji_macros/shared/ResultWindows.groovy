import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.ImageWindow
import ij.gui.Overlay
import ij.gui.Roi
import ij.plugin.frame.RoiManager
import java.awt.Point
import java.awt.Window

/** What is shown of one image: outlines on it, in front; labels behind it; regions; a table. */
class ResultWindows {

	private static final int STEP = 32

	private final ImagePlus source
	private final ImageResult result

	ResultWindows(ImagePlus source, ImageResult result) {
		this.source = source
		this.result = result
	}

	/** @param maps whether probability and distance are shown, too; @param regions as `Regions.wanted` */
	void show(boolean maps, String regions, Report report) {
		if (!source.visible) source.show()
		draw(source, result.rois())
		boolean open = RoiManager.getInstance()?.visible
		def manager = Regions.put(result.rois(), regions, report)
		def images = [labels: result.particles.labels]
		if (maps) images += [prob: result.particles.probImage(), dist: result.particles.distImage()]
		Window last = source.window
		images.each { name, pixels ->
			def image = result.image(name, pixels)
			image.title = WindowManager.makeUniqueName("$name of $source.title".toString())
			if (name == 'labels') LabelColours.showIn(image, result.particles.outlines.size())
			else image.resetDisplayRange()
			ImageWindow.setNextLocation(beside(last))
			image.show()
			last = image.window
		}
		def table = tabulate()
		if (!open && table != null) manager.setLocation(table.x + table.width + 4, table.y)
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

	/** Right of another window where there is room, else behind it and further down; never exactly on one. */
	private static Point beside(Window other) {
		def taken = Window.windows.findAll { it.visible }*.location
		int right = other.x + other.width + 4
		def corner = right + other.width <= IJ.screenSize.width ? new Point(right, other.y) : other.location
		while (corner in taken) corner.translate(STEP, STEP)
		return corner
	}

	/** The table's window, under the image; null in batch mode. */
	private Window tabulate() {
		def title = "Particles of $source.title".toString()
		ParticleTable.of(result).show(title)
		def window = WindowManager.getWindow(title)
		if (window == null) return null
		window.setSize(790, 240)
		def below = source.window.bounds
		int y = Math.min(below.@y + below.@height + 4, IJ.screenSize.height - window.height)
		window.setLocation(below.@x, y)
		return window
	}
}
