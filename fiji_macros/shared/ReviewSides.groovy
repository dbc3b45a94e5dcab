import ij.ImagePlus
import ij.gui.ImageWindow
import ij.gui.Overlay
import ij.process.FloatProcessor
import ij.process.ImageProcessor
import java.awt.Point

/** The planes xz and yz through the middle of a particle, side by side, z downwards. */
class ReviewSides {

	private static final int GAP = 8
	/** Height and width of each plane on the screen are about this. */
	private static final int SIDE = 240
	/** How much of its surroundings is shown, as a share of the particle's size. */
	private static final double AROUND = 0.7d

	private final LabelStack labels
	private final ImagePlus image
	private ImagePlus window
	boolean visible

	ReviewSides(LabelStack labels, ImagePlus image) {
		this.labels = labels
		this.image = image
	}

	/** Shows those of a particle, if they are to be seen; at first at a place on the screen. */
	void show(int label, Map<Integer, String> reviews, Point place) {
		if (!visible || !labels.bodies.containsKey(label)) {
			close()
			return
		}
		int[] at = labels.placeOf(label), box = labels.bodies[label].box
		int margin = 4 + (int) (AROUND * (0..2).collect { box[it + 3] - box[it] }.max())
		int[] low = (0..2).collect { Math.max(0, box[it] - margin) }
		int[] high = (0..2).collect { Math.min([labels.depth, labels.height, labels.width][it], box[it + 3] + margin) }
		def sides = image.calibration
		double deep = sides.pixelDepth > 0 && sides.pixelWidth > 0 ? sides.pixelDepth / sides.pixelWidth : 1
		double zoom = SIDE / Math.max(Math.max(high[1] - low[1], high[2] - low[2]), (high[0] - low[0]) * deep)
		int h = Math.max(1, (int) Math.round((high[0] - low[0]) * deep * zoom))
		def planes = [2, 1].collect { axis -> // x, then y runs across
			int w = Math.max(1, (int) Math.round((high[axis] - low[axis]) * zoom))
			def plane = { Closure value ->
				def taken = new FloatProcessor(high[axis] - low[axis], high[0] - low[0])
				for (int z = low[0]; z < high[0]; z++) {
					for (int i = low[axis]; i < high[axis]; i++) taken.setf(i - low[axis], z - low[0], (float) (axis == 2 ? value(z, at[1], i) : value(z, i, at[2])))
				}
				taken.resize(w, h)
			}
			[plane { z, y, x -> image.getStack().getVoxel(x, y, z) }, plane { z, y, x -> labels.get(z, y, x) }]
		}
		def canvas = new FloatProcessor(planes[0][0].width + GAP + planes[1][0].width, h)
		canvas.setColor(image.displayRangeMax)
		canvas.fill()
		def overlay = new Overlay()
		int across = 0
		planes.each { List<ImageProcessor> pair ->
			canvas.insert(pair[0], across, 0)
			LabelRois.of(pair[1]).each { roi ->
				int one = roi.name as int
				roi.setLocation(roi.bounds.x + across, roi.bounds.y)
				ReviewOutlines.colour(roi, one == label, reviews[one])
				overlay.add(roi)
			}
			across += pair[0].width + GAP
		}
		canvas.setMinAndMax(image.displayRangeMin, image.displayRangeMax)
		canvas.setLut(image.getProcessor().lut)
		if (window == null) window = new ImagePlus('', canvas)
		else window.setProcessor(canvas)
		window.title = "Particle $label: xz at y = ${at[1]}, yz at x = ${at[2]}"
		window.setDisplayRange(image.displayRangeMin, image.displayRangeMax)
		window.overlay = overlay
		if (window.window == null) {
			ImageWindow.setNextLocation(place)
			window.show()
		}
	}

	void close() {
		window?.changes = false
		window?.close()
		window = null
	}
}
