import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.ImageWindow
import ij.gui.Overlay
import ij.gui.Roi
import ij.plugin.frame.RoiManager
import ij.process.StackStatistics
import java.awt.Point
import java.awt.Rectangle
import java.awt.Window

/** What is shown of one image: outlines on it, in front; labels behind it; regions; a table. */
class ResultWindows {

	private static final int STEP = 32
	private static final int TABLE_HEIGHT = 240

	private final ImagePlus source
	private final ImageResult result

	ResultWindows(ImagePlus source, ImageResult result) {
		this.source = source
		this.result = result
	}

	/** @param maps whether probability and distance are shown, too; @param regions as `Regions.wanted` */
	void show(boolean maps, String regions, Report report) {
		if (WindowManager.getImage(source.ID) == null) source.show()
		def slices = result.slices
		draw(source, slices, 0..<slices.count, result.rois)
		int shown = slices.shown
		// Another channel or frame may be in the window.
		slices.show(shown)
		boolean open = RoiManager.getInstance()?.visible
		def manager = Regions.put(result.rois, regions, report)
		Window last = source.window
		(maps ? ['labels', 'prob', 'dist'] : ['labels']).each { name ->
			def image = result.image(name)
			image.title = WindowManager.makeUniqueName("$name of $source.title".toString())
			image.setProperty(Slices.SOURCE, source.title)
			if (name == 'labels') {
				LabelColours.showIn(image, result.count)
				image.setProperty('Info', report.lines.join('\n') + '\n') // Image > Show Info...
			} else new StackStatistics(image).with { range -> image.setDisplayRange(range.min, range.max) }
			if (last != null) ImageWindow.setNextLocation(beside(last))
			image.show()
			image.setSlice(shown + 1)
			last = image.window
		}
		if (source.window != null) {
			def below = underneath()
			tabulate(below)
			if (!open) manager.location = beside(below, manager.width)
		}
		IJ.selectWindow(source.ID)
	}

	/** Waits for a window to become active, the last that the desktop does to it: before, it might still move it, or later bring others to the front. */
	private static void settled(Window shown) { for (int i = 0; i < 20 && !shown.active; i++) Thread.sleep(25) }

	/** Shows outlines over an image, in the place of those of before in these slices; what the user drew there stays. */
	static void draw(ImagePlus image, Slices slices, List<Integer> drawn, List<Roi> outlines) {
		def overlay = new Overlay()
		def at = { Roi roi -> [roi.position, roi.ZPosition, roi.TPosition] }
		def replaced = drawn.collect {
			def anywhere = new Roi(0, 0, 1, 1)
			slices.place(it, [anywhere])
			at(anywhere)
		} as Set
		image.overlay?.findAll { it.getProperty(Slices.RESULT) == null || !(at(it) in replaced) }?.each { overlay.add(it) }
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

	/** Right of a box where there is room, else left of it, else at the edge of the screen. */
	private static Point beside(Rectangle box, int width) {
		int right = box.@x + box.@width + 4
		if (right + width <= IJ.screenSize.@width) return new Point(right, box.@y)
		int left = box.@x - width - 4
		return new Point(left >= 0 ? left : IJ.screenSize.@width - width, box.@y)
	}

	/** Where the table lies: under the image, and on the screen. */
	private Rectangle underneath() {
		def above = source.window.bounds
		int width = result.slices.count > 1 ? 850 : 790
		return new Rectangle(Math.max(0, Math.min(above.@x, IJ.screenSize.@width - width)),
			Math.min(above.@y + above.@height + 4, IJ.screenSize.@height - TABLE_HEIGHT), width, TABLE_HEIGHT)
	}

	private void tabulate(Rectangle place) {
		def title = "Particles of $source.title".toString()
		ParticleTable.of(result).show(title)
		def window = WindowManager.getWindow(title)
		settled(window)
		window.bounds = place
		window.textPanel.scrollToTop()
	}
}
