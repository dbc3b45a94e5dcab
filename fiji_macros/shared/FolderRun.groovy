/** All images of a folder, each into a folder of its own; what is done is not done again. */
class FolderRun {

	final File folder
	final File out
	final Segmenter segmenter
	final Report report
	final Planes planes

	FolderRun(File folder, File out, Segmenter segmenter, Planes planes, Report report) {
		this.planes = planes
		this.folder = folder
		this.out = out
		this.segmenter = segmenter
		this.report = report
	}

	void run() {
		if (!folder.directory) throw new Problem("$folder: there is no such folder.")
		def files = ImageFiles.of(folder)
		if (files.empty) throw new Problem("$folder: holds no image (${ImageFiles.SUFFIXES.join(', ')}).")
		if (!out.directory && !out.mkdirs()) throw new Problem("$out: this folder cannot be made.")
		report.keepLog(new File(out, 'segment_folder.log'))
		report.say("$folder: ${files.size()} images, $segmenter.settings, model $segmenter.bundle.file.name, $segmenter")
		settleDiameter(files)
		def failed = [:]
		int done = 0
		for (file in files) {
			report.progress('image', done + failed.size(), files.size())
			try {
				one(file, new File(out, nameFor(file, files)))
				done++
			} catch (Cancelled stop) {
				throw stop
			} catch (Exception failure) {
				failed[file.name] = Report.sentenceOf(failure)
				report.say("$file.name failed: ${failed[file.name]}")
			}
		}
		if (failed) {
			throw new Problem("${failed.size()} of ${files.size()} images failed, $done are done; the first, " +
				"${failed.keySet().first()}: ${failed.values().first()} Fix it and run the same command again.")
		}
		report.say("$folder: ${files.size()} images are done")
	}

	/** One diameter for all images: those of a folder come from one instrument. */
	private void settleDiameter(List<File> files) {
		def looks = []
		int wanted = Math.min(3, files.size())
		// Those in between stand in for any that cannot be read; what is wrong with these is told when their turn comes.
		for (i in ([0, (files.size() - 1).intdiv(2), files.size() - 1] + (0..<files.size())).unique()) {
			if (looks.size() == wanted || !segmenter.settings.estimated) break
			try {
				def slices = opened(files[i])
				looks << slices.look(slices.count.intdiv(2), segmenter.channels)
			} catch (Problem unreadable) {
				continue
			}
		}
		segmenter.estimateFrom(folder.name) { looks }
		if (looks || !segmenter.settings.estimated) segmenter.settle(report)
		// It follows from the whole folder, which may get more images: what is done is done with this number.
		segmenter.settings.estimated = false
	}

	private Slices opened(File file) { Slices.open(file, Settings.pixelSize(segmenter.bundle, null), planes) }

	/** The stem; the whole name where two images share a stem. */
	static String nameFor(File file, List<File> files) {
		def stem = { File f -> f.name.substring(0, f.name.lastIndexOf('.')) }
		files.count { stem(it) == stem(file) } == 1 ? stem(file) : file.name
	}

	private void one(File file, File target) {
		def slices = opened(file)
		slices.tell(report)
		def view = new ViewRun(slices, target, segmenter, report)
		if (slices.count > 1) {
			view.run()
			return
		}
		def key = new File(target, 'fiji.txt')
		if (new File(target, 'objects.csv').exists() && key.exists() && key.getText('UTF-8') == view.settingsKey) {
			report.say("$file.name: was done before")
			return
		}
		segmenter.checkMemory(slices)
		def particles = segmenter.segment(slices.slice(0, segmenter.channels), segmenter.scaleOf(slices), file.name)
		new File(target, 'objects.csv').delete()
		new ImageResult([particles], slices, segmenter).save(target)
		WholeFile.write(key) { File beside -> beside.setText(view.settingsKey, 'UTF-8') }
		report.say("$file.name: ${particles.outlines.size()} particles")
	}
}
