import ij.IJ
import ij.measure.ResultsTable

/** The views of a run folder as particles in 3-D: labels.tif and their table, made by particlebridge in Python. */
class FusedViews {

	private final File folder
	private final File volume
	private final Report report

	/** `volume` may be null. */
	FusedViews(File folder, File volume, Report report) {
		if (!new File(folder, 'views').directory) {
			throw new Problem("$folder: holds no folder views; run Segment Views first, and choose the folder it saved into.")
		}
		if (volume != null && !volume.exists()) throw new Problem("$volume: there is no such volume.")
		this.folder = folder
		this.volume = volume
		this.report = report
	}

	File getLabels() { new File(folder, 'labels.tif') }

	File getTable() { new File(folder, volume == null ? 'fusion.csv' : 'features.csv') }

	void make(CommandLine python) {
		def calls = [['fuse', folder.path] + (volume == null ? [] : ['--volume', volume.path]) + ['--out', labels.path]]
		if (volume != null) calls << ['measure', volume.path, labels.path, '--out', table.path]
		if (python == null) throw CommandLine.missing(calls)
		calls.each { python.run(it, report) }
		report.say("$labels: fused, with the table $table.name beside it")
	}

	void show() {
		def image = IJ.openImage(labels.path)
		if (image == null) throw new Problem("$labels: ImageJ could not open the labels.")
		def particles = ResultsTable.open(table.path)
		LabelColours.showIn(image, particles.size() == 0 ? 0 : particles.getValue('label', particles.size() - 1) as int)
		image.setSlice(image.stackSize.intdiv(2) + 1)
		image.show()
		particles.show("Particles of $folder.name".toString())
	}
}
