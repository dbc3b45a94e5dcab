import groovy.json.JsonOutput
import ij.ImagePlus

/** One view: each slice segmented once and kept in .parts, the stacks written when all are there. */
class ViewRun {

	static final List<String> STACKS = ['prob', 'dist', 'labels']

	final Slices slices
	final File folder
	final Segmenter segmenter
	final Report report
	/** Pixels of the network for one of a slice, down and across; null: follows from the particle diameter. */
	private final double[] givenScale

	ViewRun(Slices slices, File folder, Segmenter segmenter, Report report, double[] scale = null) {
		this.slices = slices
		this.folder = folder
		this.segmenter = segmenter
		this.report = report
		this.givenScale = scale
		segmenter.estimateFrom(slices.name) { slices.looks(segmenter.channels) }
	}

	double[] getScale() { givenScale ?: segmenter.scaleOf(slices) }

	File getParts() { new File(folder, '.parts') }

	File part(int i) { new File(parts, String.format('%05d.pbp', i)) }

	File getRecord() { new File(folder, 'fiji.json') }

	/** Segments what is missing; with `only` just those slices, and no stacks are written. */
	void run(List<Integer> only = null) {
		if (only == null && whole) {
			report.say("$folder: is complete with the same settings; nothing to do")
			return
		}
		segmenter.checkMemory(slices)
		if (givenScale == null) segmenter.settle(report)
		prepare()
		def missing = (only ?: (0..<slices.count)).findAll { !part(it).exists() }
		if (only == null && missing.size() < slices.count) {
			report.say("$folder: ${slices.count - missing.size()} of $slices.count slices were finished before")
		}
		def failures = segmentAll(missing, only == null ? segmenter.atOnce(slices.h, slices.w, scale) : 1)
		if (failures) {
			throw new Problem("${failures.size()} of $slices.count slices failed (${failures.keySet().take(10).join(', ')}): " +
				"${Report.sentenceOf(failures.values().first())} The others are kept: fix it and run the same command again.",
				failures.values().first())
		}
		if (only == null) join()
	}

	/** Segments slices, some side by side, each in one thread; gives what failed, by slice. */
	private Map<Integer, Exception> segmentAll(List<Integer> missing, int atOnce) {
		def failures = [:]
		int done = slices.count - missing.size()
		def begin = { int i -> report.progress("slice $i of $folder.name:", done, slices.count) }
		SideBySide.run(missing, atOnce, begin, { int i -> segmentOne(i) }) { int i, Throwable failure ->
			if (failure == null) done++
			else {
				failures[i] = failure
				report.say("slice $i failed: ${Report.sentenceOf(failure)}")
			}
			// The same fault in the first three slices lies in the model or in Fiji, not in a slice.
			failures.size() >= 3 && done == 0
		}
		return failures
	}

	private void segmentOne(int i) {
		segmenter.segment(slices.slice(i, segmenter.channels), scale, "$slices.name, slice ${i + 1}").save(part(i))
	}

	private void prepare() {
		if (!folder.directory && !folder.mkdirs()) throw new Problem("$folder: this folder cannot be made.")
		def key = new File(parts, 'settings.txt')
		if (parts.exists() && (!key.exists() || key.getText('UTF-8') != settingsKey)) {
			report.say("$folder: unfinished slices of other settings are dropped")
			deleteParts()
		}
		if (!parts.directory && !parts.mkdirs()) throw new Problem("$folder: cannot be written to.")
		key.setText(settingsKey, 'UTF-8')
	}

	/** What a finished slice depends on. */
	String getSettingsKey() {
		"$slices.name $slices.stamp $slices.count x $slices.h x $slices.w spacing=${slices.spacing as List} " +
			"scale=${givenScale == null ? slices.squarePixels() : givenScale as List} model=$segmenter.bundle.identity $segmenter.settings by $segmenter"
	}

	boolean isWhole() {
		if (!STACKS.every { new File(folder, it + '.tif').exists() } || !record.exists()) return false
		try {
			return new groovy.json.JsonSlurper().parse(record, 'UTF-8').key == settingsKey
		} catch (Exception damaged) {
			return false
		}
	}

	private void join() {
		record.delete()
		for (name in STACKS) write(name)
		WholeFile.write(record) { File beside ->
			beside.setText(JsonOutput.prettyPrint(JsonOutput.toJson(segmenter.facts() + [key: settingsKey, slices: slices.count,
				unit: slices.unit, spacing: slices.spacing as List, scale: scale as List])), 'UTF-8')
		}
		deleteParts()
		report.say("$folder: labels.tif, prob.tif and dist.tif of $slices.count slices are written")
	}

	private void write(String name) {
		def stack = new PartStack(slices.w, slices.h, slices.count, name, { int i -> part(i) })
		def image = new ImagePlus(name, stack)
		image.calibration = slices.calibration()
		WholeFile.tiff(new File(folder, name + '.tif'), image)
	}

	/** 0-3,7 as [0, 1, 2, 3, 7]. */
	static List<Integer> numbers(String ranges) {
		def result = []
		for (range in ranges.split(',')) {
			def ends = range.trim().split('-')
			if (ends.length > 2 || !ends.every { it.isInteger() }) {
				throw new Problem("Slices are named like 0-3,7, not: $ranges")
			}
			result.addAll((ends.first() as int)..(ends.last() as int))
		}
		return result
	}

	private void deleteParts() {
		parts.listFiles()?.each { it.delete() }
		parts.delete()
	}
}
