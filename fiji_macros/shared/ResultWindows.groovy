import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.ImageWindow
import ij.gui.Overlay
import ij.gui.Roi
import ij.plugin.frame.RoiManager
import ij.process.StackStatistics
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
			if (name == 'labels') {
				LabelColours.showIn(image, result.count)
				image.setProperty('Info', report.lines.join('\n') + '\n') // Image > Show Info...
			} else new StackStatistics(image).with { range -> image.setDisplayRange(range.min, range.max) }
			if (last != null) ImageWindow.setNextLocation(beside(last))
			image.show()
			image.setSlice(shown + 1)
			last = image.window
		}
		def table = tabulate()
		if (!open && table != null) manager.location = besideTable(table, manager)
		if (table != null) settled(table)
		IJ.selectWindow(source.ID)
	}

	/** Waits for the window to become active, as it does last; else one that was shown before might later take the place in front. */
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

	/** Right of the table where there is room, else left of it, else at the edge of the screen. */
	private static Point besideTable(Window table, Window manager) {
		int right = table.x + table.width + 4
		if (right + manager.width <= IJ.screenSize.width) return new Point(right, table.y)
		int left = table.x - manager.width - 4
		return new Point(left >= 0 ? left : IJ.screenSize.@width - manager.width, table.y)
	}

	/** The table's window, under the image; null in batch mode, which shows no windows. */
	private Window tabulate() {
		if (source.window == null) return null
		def title = "Particles of $source.title".toString()
		ParticleTable.of(result).show(title)
		def window = WindowManager.getWindow(title)
		window.setSize(result.slices.count > 1 ? 850 : 790, 240)
		def below = source.window.bounds
		int y = Math.min(below.@y + below.@height + 4, IJ.screenSize.height - window.height)
		window.setLocation(Math.max(0, Math.min(below.@x, IJ.screenSize.@width - window.width)), y)
		return window
	}
}
