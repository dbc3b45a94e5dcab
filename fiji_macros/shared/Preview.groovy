import ij.ImagePlus
import ij.gui.DialogListener
import ij.gui.GUI
import ij.gui.GenericDialog
import java.awt.AWTEvent
import java.awt.Label

/** Sliders for both thresholds, and what they find drawn on the image. The network does not run again. */
class Preview implements DialogListener {

	/** Lowest probability that is offered: below, outlines are many and wrong. */
	static final double LEAST = 0.1d
	private static final double STEP = 0.01d

	private final ImagePlus image
	private final Slices slices
	/** The slice that is looked at. */
	private final int at
	private final Proposal proposal
	private final Settings settings
	private final double[] given
	/** Probability and overlap that are drawn. */
	private double[] drawn
	private int found
	private Label count

	Preview(ImagePlus image, Slices slices, int at, Proposal proposal, Settings settings) {
		this.image = image
		this.slices = slices
		this.at = at
		this.proposal = proposal
		this.settings = settings
		given = [settings.prob, settings.nms] as double[]
	}

	/** The settings become those that were chosen. Cancelled, the image looks as before. */
	void ask() {
		def before = image.overlay
		boolean open = image.visible
		if (!open) image.show()
		slices.show(at)
		draw(given)
		def dialog = GUI.newNonBlockingDialog('Particlebridge: thresholds', image)
		dialog.addSlider('Probability threshold', Math.min(LEAST, given[0]), 1, given[0], STEP)
		dialog.addSlider('Overlap threshold', 0, 1, given[1], STEP)
		dialog.addMessage(told() + ' ' * 20)
		count = (Label) dialog.message
		dialog.addDialogListener(this)
		dialog.setOKLabel('Keep')
		Inputs.unrecorded { dialog.showDialog() }
		if (dialog.wasCanceled()) {
			image.overlay = before
			if (!open) image.close()
			throw new Cancelled()
		}
		settings.prob = drawn[0]
		settings.nms = drawn[1]
	}

	boolean dialogItemChanged(GenericDialog dialog, AWTEvent event) {
		def chosen = [dialog.nextNumber, dialog.nextNumber]
		if (dialog.invalidNumber()) return false
		// The fields show two digits; what is not moved stays as exact as it was given.
		draw((0..1).collect { Math.abs(chosen[it] - given[it]) < STEP / 2 ? given[it] : chosen[it] } as double[])
		return true
	}

	private void draw(double[] thresholds) {
		if (drawn == null || !Arrays.equals(drawn, thresholds)) {
			drawn = thresholds
			def outlines = ImageResult.named(OnnxEngine.outlines(proposal, drawn[0], drawn[1]))
			slices.place(at, outlines)
			ResultWindows.draw(image, slices, [at], outlines)
			found = outlines.size()
			count?.setText(told())
		}
	}

	private String told() { "$found particles" + (slices.count > 1 ? " in this $slices.axis; the thresholds are for all" : '') }
}
