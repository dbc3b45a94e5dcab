import ij.ImagePlus
import ij.gui.Overlay
import ij.gui.Roi
import java.awt.Color
import java.awt.Rectangle

/** The particles on the image of a review: where the window looks, and their outlines there. */
class ReviewOutlines {

	/** How much wider than a particle the part of the image is that is shown. */
	private static final int AROUND = 4
	private static final int SIDE = 600

	private final LabelStack labels
	private final ImagePlus image
	/** The slice whose outlines are drawn. */
	int drawn

	ReviewOutlines(LabelStack labels, ImagePlus image) {
		this.labels = labels
		this.image = image
	}

	/** Brings a particle to the middle of the window; how far the user has zoomed in stays. */
	void centre(int[] at, int[] box) {
		def canvas = image.canvas
		def seen = canvas.srcRect
		int w = seen.@width, h = seen.@height
		if (w == image.width && h == image.height) { // the whole image
			int wide = AROUND * Math.max(box[4] - box[1], box[5] - box[2])
			if (wide >= Math.max(w, h)) return
			w = Math.min(w, wide)
			h = Math.min(h, wide)
			double zoom = Math.min(SIDE / (double) w, SIDE / (double) h)
			canvas.setMagnification(zoom)
			canvas.setSize((int) Math.round(w * zoom), (int) Math.round(h * zoom))
			image.window.pack()
		}
		int x = Math.max(0, Math.min(image.width - w, at[2] - w.intdiv(2))), y = Math.max(0, Math.min(image.height - h, at[1] - h.intdiv(2)))
		canvas.setSourceRect(new Rectangle(x, y, w, h))
		canvas.repaint()
	}

	/** Outlines in the slice that is shown, as far as the window shows them: of the particle thick and yellow, of what was looked at green. */
	void draw(int label, Map<Integer, String> reviews) {
		int z = image.currentSlice - 1
		drawn = z + 1
		def seen = image.canvas.srcRect
		def section = labels.image.getStack().getProcessor(z + 1)
		def overlay = new Overlay()
		labels.bodies.each { int one, Body body ->
			int[] box = body.box
			def place = new Rectangle(box[2], box[1], box[5] - box[2], box[4] - box[1])
			if (z < box[0] || z >= box[3] || !place.intersects(seen)) return
			def roi = LabelRois.one(section, one, place)
			if (roi == null) return
			colour(roi, one == label, reviews[one])
			overlay.add(roi)
		}
		image.overlay = overlay
	}

	static void colour(Roi roi, boolean shown, String review) {
		roi.strokeColor = shown ? Color.yellow : Review.isOpen(review) ? new Color(0, 200, 255) : new Color(0, 200, 0)
		roi.unscalableStrokeWidth = shown ? 3 : 1.5
	}
}
