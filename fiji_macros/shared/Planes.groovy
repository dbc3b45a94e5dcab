import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.process.ColorProcessor
import ij.process.ImageProcessor

/** Which planes of an image are meant: of a channel and a frame, one slice or all. */
class Planes {

	/** What the setting slice may say besides a number. */
	static final String SHOWN = 'shown'
	static final String ALL = 'all'

	/** Numbers from 1; 0: not chosen. */
	int channel
	int frame
	int slice
	/** All slices are meant where none is chosen; else the image may have but one. */
	boolean all
	/** What is not chosen is what the window shows. */
	boolean shown
	/** Frames may stand for slices: each is looked at on its own. */
	boolean time

	/** What the settings channel and frame say, and slice where a command has it. */
	static Planes of(Inputs inputs, Map kind, boolean oneSlice = false) {
		def planes = new Planes(kind)
		planes.channel = number('channel', inputs.text('channel'))
		planes.frame = number('frame', inputs.text('frame'))
		def slice = oneSlice ? inputs.text('slice') : SHOWN
		if (slice == ALL) planes.all = planes.time = true
		else if (slice != SHOWN) planes.slice = number('slice', slice, ", or $ALL")
		return planes
	}

	private static int number(String name, String text, String or = '') {
		if (!text) return 0
		if (!text.isInteger() || text.toInteger() < 1) throw new Problem("$name must be a number from 1$or, not: $text")
		return text.toInteger()
	}

	/** What takes the place of slices: slice; frame, where frames may and there is but one slice. */
	String axis(ImagePlus image) { time && all && image.getNSlices() == 1 && frame == 0 ? 'frame' : 'slice' }

	/** The chosen planes' numbers in the image's stack, from 1. */
	List<Integer> numbers(ImagePlus image, String name) {
		def sizes = [channel: image.getNChannels(), slice: image.getNSlices(), frame: image.getNFrames()]
		def current = [channel: image.getC(), slice: image.getZ(), frame: image.getT()]
		def chosen = [channel: channel, slice: slice, frame: frame]
		def many = all ? axis(image) : null
		chosen.each { axis, number ->
			if (number > sizes[axis]) throw new Problem("$name: has ${counted(sizes[axis], axis)}, no $axis $number.")
			if (number == 0 && (sizes[axis] == 1 || axis == many)) chosen[axis] = 1
			else if (number == 0 && shown) chosen[axis] = current[axis]
		}
		def open = chosen.findAll { axis, number -> number == 0 }.keySet()
		if (open) throw new Problem(refusal(name, sizes, open))
		return (0..<(many ? sizes[many] : 1)).collect {
			int step = it
			image.getStackIndex(chosen.channel, chosen.slice + (many == 'slice' ? step : 0), chosen.frame + (many == 'frame' ? step : 0))
		}
	}

	private String refusal(String name, Map sizes, Set open) {
		def has = ['channel', 'slice', 'frame'].findAll { sizes[it] > 1 }.collect { counted(sizes[it], it) }
		def listed = has.size() < 2 ? has.join('') : has.init().join(', ') + ' and ' + has.last()
		if (all && open == ['frame'] as Set && sizes.slice == 1) {
			return "$name: has $listed and one slice; time is not depth. If the frames are slices, say so in " +
				"Image > Properties... (slices $sizes.frame, frames 1)."
		}
		def choice = open.collect { "$it=1 to ${sizes[it]}" }.join(', ')
		def views = open.contains('slice') ? "; or slice=$ALL for the stack, Segment Views for a volume" : ''
		return "$name: has $listed; choose $choice$views."
	}

	private static String counted(int n, String what) { "$n $what${n == 1 ? '' : 's'}" }

	/**
	 * What counts of a plane: its values; of a palette its colours. Colours that are grey all over are values.
	 */
	@CompileStatic
	static ImageProcessor read(ImageProcessor pixels, boolean palette) {
		if (palette && pixels.bitDepth == 8) {
			ColorProcessor colours = (ColorProcessor) pixels.convertToRGB()
			return isGrey(colours) ? colours.convertToByteProcessor(false) : colours
		}
		if (pixels instanceof ColorProcessor && isGrey((ColorProcessor) pixels)) return pixels.convertToByteProcessor(false)
		return pixels
	}

	/**
	 * Whether the values of an 8-bit image stand for colours: those of its table neither rise nor fall in brightness,
	 * so that neighbouring numbers may be any two colours. Other tables are for looks.
	 */
	static boolean isPalette(ImagePlus image) {
		if (image.bitDepth != 8) return false
		def model = image.getProcessor().colorModel
		def bright = (0..<model.mapSize).collect { model.getRed(it) + model.getGreen(it) + model.getBlue(it) }
		def steps = (1..<bright.size()).collect { bright[it] - bright[it - 1] }
		return steps.any { it > 0 } && steps.any { it < 0 }
	}

	@CompileStatic
	private static boolean isGrey(ColorProcessor pixels) {
		for (int value : (int[]) pixels.getPixels()) {
			if (((value >> 16) & 255) != (value & 255) || ((value >> 8) & 255) != (value & 255)) return false
		}
		return true
	}
}
