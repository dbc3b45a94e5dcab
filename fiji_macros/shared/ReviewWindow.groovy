import ij.IJ
import ij.ImageListener
import ij.ImagePlus
import ij.gui.GUI
import ij.gui.GenericDialog
import ij.gui.Line
import ij.plugin.ContrastEnhancer
import java.awt.Button
import java.awt.Dimension
import java.awt.Font
import java.awt.GridLayout
import java.awt.KeyEventDispatcher
import java.awt.KeyboardFocusManager
import java.awt.Label
import java.awt.Panel
import java.awt.Point
import java.awt.event.KeyEvent
import java.awt.event.MouseAdapter
import java.awt.event.MouseEvent
import javax.swing.SwingUtilities

/** Steps through the particles on the image, and does to them what buttons and keys say. */
class ReviewWindow extends MouseAdapter implements ImageListener, KeyEventDispatcher {

	/** Buttons, three in a row, each with its key. */
	private static final Map<String, String> BUTTONS = [previous: 'Previous (P)', next: 'Next (N)', pick: 'Pick (K)',
		accept: 'Accept (A)', unsure: 'Not sure (U)', delete: 'Delete (D)',
		merge: 'Merge (M)', split: 'Split (S)', redraw: 'Redraw (R)',
		undo: 'Undo (Z)', redo: 'Redo (Y)', sides: 'Side views (V)']
	private static final String HELP = '<html><h2>Review Particles</h2><dl>' + [
		'Previous, Next': 'The next particle; the least sure come first.',
		'Pick': 'Then click a particle in the image: it becomes the one that is shown.',
		'Accept, Not sure, Delete': 'What you think of it. The next one that was not looked at is shown.',
		'Merge': 'Then click the neighbour that belongs to it; it may lie in another slice. Press again to leave it.',
		'Split': 'Draw a straight line across the particle first. It is cut along the line, at right angles to the slice, in all slices.',
		'Redraw': 'Draw its outline in this slice first (freehand or polygon). The selection becomes the section of the particle in this slice only.',
		'Undo, Redo': 'All acts, back to the first.',
		'Side views': 'The planes xz and yz through the middle of the particle.'
	].collect { what, why -> "<dt><b>$what</b></dt><dd>$why</dd>" }.join('') +
		'</dl><p>Each act is written to corrections.jsonl in the run folder at once; close the window whenever you like, and go on later.<br>' +
		'particlebridge apply-corrections then measures the corrected particles again.</p></html>'
	private static final String TITLE = 'Particlebridge: Review Particles'
	/** How many letters the lines of text have room for. */
	private static final int WIDE = 66

	private final Review review
	private final ImagePlus image
	private final ReviewOutlines outlines
	private final ReviewSides sides
	/** What is shown; what makes it doubtful; what the last act did. */
	private final List<Label> lines = []
	private final Map<String, Button> buttons = [:]
	private GenericDialog dialog
	/** The particle that is shown; 0: there is none. */
	private int label
	/** What the next click in the image means: merge or pick; empty: nothing. */
	private String mode = ''

	/** @param volume null: the labels themselves are looked at */
	ReviewWindow(Review review, ImagePlus volume) {
		this.review = review
		def labels = review.labels
		image = volume ?: labels.image
		if ([image.width, image.height, image.stackSize] != [labels.width, labels.height, labels.depth]) {
			throw new Problem("$image.title: is $image.width x $image.height x $image.stackSize, but the labels are " +
				"$labels.width x $labels.height x $labels.depth; choose the volume of this run.")
		}
		if (volume == null) LabelColours.showIn(image, review.labels.bodies.keySet().max() ?: 0)
		else {
			image.setSlice(labels.depth.intdiv(2) + 1)
			new ContrastEnhancer().stretchHistogram(image, 0.35)
		}
		outlines = new ReviewOutlines(labels, image)
		sides = new ReviewSides(labels, image)
	}

	/** Ends when the user closes the dialog or the image. */
	void ask() {
		if (image.window == null) image.show()
		dialog = GUI.newNonBlockingDialog(TITLE, image)
		[Font.BOLD, Font.PLAIN, Font.PLAIN].each {
			def font = new Font('SansSerif', it, 13)
			dialog.addMessage(' ', font)
			def line = dialog.message
			def size = line.getFontMetrics(font)
			line.preferredSize = new Dimension(size.stringWidth('n' * WIDE), size.height + 4)
			lines << line
		}
		def grid = new Panel(new GridLayout(0, 3, 4, 4))
		BUTTONS.each { name, shown ->
			def button = buttons[name] = new Button(shown)
			button.addActionListener({ act(name) } as java.awt.event.ActionListener)
			grid.add(button)
		}
		dialog.addPanel(grid)
		dialog.hideCancelButton()
		dialog.setOKLabel('Close')
		dialog.addHelp(HELP)
		image.canvas.addMouseListener(this)
		ImagePlus.addImageListener(this)
		KeyboardFocusManager.currentKeyboardFocusManager.addKeyEventDispatcher(this)
		try {
			def order = review.order(), reviews = review.reviews()
			go(order.find { Review.isOpen(reviews[it]) } ?: order[0] ?: 0, '')
			dialog.pack()
			dialog.location = beside(image.window.bounds, dialog.width)
			Inputs.unrecorded { dialog.showDialog() }
		} finally {
			KeyboardFocusManager.currentKeyboardFocusManager.removeKeyEventDispatcher(this)
			ImagePlus.removeImageListener(this)
			image.canvas?.removeMouseListener(this)
			sides.close()
		}
	}

	/** Right of a window where there is room, else left of it. */
	private static Point beside(Rectangle window, int width) {
		int right = window.@x + window.@width + 4
		return new Point(right + width <= IJ.screenSize.@width ? right : Math.max(0, window.@x - width - 4), window.@y)
	}

	/** What a button or its key says. */
	private void act(String name) {
		attempt {
			boolean leaves = name == mode
			setMode(name in ['merge', 'pick'] && !leaves ? name : '')
			if (!(name in ['merge', 'pick'])) this."$name"()
		}
	}

	/** Whatever goes wrong is one sentence. */
	private void attempt(Closure work) {
		try {
			work.call()
		} catch (Throwable failure) {
			if (!(failure instanceof Problem)) IJ.handleException(failure)
			IJ.showMessage(TITLE, Report.wrapped(Report.sentenceOf(failure), 90))
		}
	}

	private void setMode(String name) {
		if (name) current()
		mode = name
		if (mode) lines[2].text = mode == 'merge' ? "Click the particle that belongs to particle ${label}." : 'Click the particle that you want to look at.'
		else if (lines[2].text.startsWith('Click')) lines[2].text = ''
	}

	private int current() {
		if (!review.labels.bodies.containsKey(label)) throw new Problem('No particle is shown: step to one with Next, or Pick one.')
		return label
	}

	private void previous() { step(-1) }

	private void next() { step(1) }

	private void step(int by) {
		def order = review.order()
		int at = order.indexOf(label) + by
		if (order.empty || at < 0 || at >= order.size()) throw new Problem(by > 0 ? 'This is the last particle.' : 'This is the first particle.')
		go(order[at], '')
	}

	private void accept() { onward { review.accept(current()) } }

	private void unsure() { onward { review.unsure(current()) } }

	private void delete() { onward { review.delete(current()) } }

	/** Does an act, then shows the next particle that was not looked at. */
	private void onward(Closure<String> work) {
		def order = review.order()
		int at = order.indexOf(current())
		def said = work.call()
		def reviews = review.reviews()
		def next = (order.drop(at + 1) + order.take(at)).find { Review.isOpen(reviews[it]) }
		go(next ?: label, said + (next == null ? ' All particles were looked at.' : ''))
	}

	private void split() {
		def line = image.roi
		if (!(line instanceof Line)) throw new Problem('Draw a straight line across the particle first, with the line tool.')
		def said = review.cut(current(), image.currentSlice - 1, line.x1d, line.y1d, line.x2d, line.y2d)
		image.deleteRoi()
		refresh(said)
	}

	private void redraw() {
		def said = review.redraw(current(), image.currentSlice - 1, image.roi)
		image.deleteRoi()
		refresh(said)
	}

	private void undo() { showTouched(review.undo()) }

	private void redo() { showTouched(review.redo()) }

	private void showTouched(String said) {
		def there = review.touched.find { review.labels.bodies.containsKey(it) }
		if (there == null || there == label) refresh(said)
		else go(there, said)
	}

	private void sides() {
		sides.visible = !sides.visible
		refresh(lines[2].text)
	}

	void mousePressed(MouseEvent event) {
		if (!mode) return
		int x = image.canvas.offScreenX(event.x), y = image.canvas.offScreenY(event.y), z = image.currentSlice - 1
		int clicked = review.labels.holds(z, y, x) ? review.labels.get(z, y, x) : 0
		def merges = mode == 'merge'
		attempt {
			if (clicked == 0) throw new Problem('There is no particle: click inside one.')
			setMode('')
			if (merges) refresh(review.merge([current(), clicked]))
			else go(clicked, '', z)
		}
		image.deleteRoi()
	}

	/** Shows a particle: its slice, its place, what is known of it. */
	private void go(int next, String said, int slice = -1) {
		label = next
		if (review.labels.bodies.containsKey(label)) {
			int[] at = review.labels.placeOf(label)
			outlines.centre(at, review.labels.bodies[label].box)
			image.setSlice((slice < 0 ? at[0] : slice) + 1)
		}
		refresh(said)
	}

	/** Shows labels, outlines and words as they are now. */
	private void refresh(String said) {
		def order = review.order(), reviews = review.reviews()
		outlines.draw(label, reviews)
		if (image.is(review.labels.image)) image.updateAndDraw()
		def body = review.labels.bodies[label]
		int looked = reviews.values().count { !Review.isOpen(it) }
		lines[0].text = body == null ? 'No particle is shown' : "Particle $label, ${order.indexOf(label) + 1} of ${order.size()}: " +
			"slices ${body.box[0] + 1} to ${body.box[3]}" + (reviews[label] ? ", ${reviews[label]}" : '') + "   ($looked looked at)"
		lines[1].text = body == null ? '' : review.doubts(label).capitalize()
		lines[2].text = said
		sides.show(label, reviews, new Point(dialog.x, dialog.y + dialog.height + 4))
	}

	void imageUpdated(ImagePlus updated) { if (updated.is(image) && image.currentSlice != outlines.drawn && image.canvas != null) outlines.draw(label, review.reviews()) }

	void imageOpened(ImagePlus opened) {}

	void imageClosed(ImagePlus closed) { if (closed.is(image)) dialog.dispose() }

	/** Keys count in the windows of the review only; with Ctrl or Alt they stay ImageJ's. */
	boolean dispatchKeyEvent(KeyEvent event) {
		if (event.modifiersEx & (KeyEvent.CTRL_DOWN_MASK | KeyEvent.META_DOWN_MASK | KeyEvent.ALT_DOWN_MASK)) return false
		if (!(SwingUtilities.windowForComponent(event.component) ?: event.component).with { it.is(image.window) || it.is(dialog) }) return false
		def name = BUTTONS.find { it.value.endsWith("(${Character.toUpperCase(event.keyChar)})") }?.key
		if (name == null) return false
		if (event.ID == KeyEvent.KEY_PRESSED) act(name)
		return true
	}
}
