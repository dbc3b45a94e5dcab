import groovy.json.JsonSlurper
import ij.ImagePlus

/** The files of a run folder that a review needs; the labels are those of the fusion, before any correction. */
class ReviewFolder {

	final File folder
	final File labels
	/** Confidence and the agreement of each view, by label; empty where there is no fusion.csv. */
	final Map<Integer, Map<String, Double>> confidence

	ReviewFolder(File folder) {
		if (!folder.directory) throw new Problem("$folder: there is no such folder; choose the folder of a run, with labels.tif in it.")
		this.folder = folder
		labels = machines('labels.tif')
		if (!labels.file) {
			def zarr = machines('labels.zarr')
			throw new Problem(zarr.exists() ? "$zarr: Fiji does not edit labels in Zarr; review them with: particlebridge review \"$folder\"" :
				"$folder: holds no labels.tif; choose the folder of a run, or run Fuse Views first.")
		}
		confidence = read(machines('fusion.csv'))
	}

	/** apply-corrections moves what the machine found into the folder fused, and puts the corrected files in its place. */
	private File machines(String name) {
		def moved = new File(folder, "fused/$name")
		return moved.exists() ? moved : new File(folder, name)
	}

	File getLog() { new File(folder, 'corrections.jsonl') }

	/** Where corrected labels may go: not over a file of the run. */
	void checkTarget(File out) {
		if (out == null) return
		if (out.directory) throw new Problem("$out: is a folder; name a file, such as corrected.tif.")
		def inside = out.absoluteFile.canonicalFile.parentFile in [folder.canonicalFile, new File(folder, 'fused').canonicalFile]
		if (inside && out.name in ['labels.tif', 'solid.tif']) {
			throw new Problem("$out: is a file of the run, which stays as it is; save the corrected labels under another name.")
		}
	}

	/** The volume to look at: the one that was chosen, else that of run.json; null if Fiji cannot show it, which is said. */
	ImagePlus volume(File chosen, Report report) {
		if (chosen != null) return ImageFiles.open(chosen)
		def json = new File(folder, 'run.json')
		def path = json.file ? new JsonSlurper().parse(json, 'UTF-8').volume?.path : null
		def file = path == null ? null : [new File(path), new File(folder, path), new File(folder.absoluteFile.parentFile, path)].find { it.exists() }
		try {
			if (file != null && file.file) return ImageFiles.open(file)
		} catch (Problem unreadable) {
			report.say("warning: $unreadable.message".toString())
		}
		report.say("warning: $folder: the labels are shown without grey values, because " + (path == null ? 'no run.json names the volume' :
			file == null ? "$path, which run.json names, is not here" : "Fiji cannot open $file") + '; choose a volume to see it (volume=...)')
		return null
	}

	private static Map<Integer, Map<String, Double>> read(File csv) {
		if (!csv.file) return [:]
		def lines = csv.readLines('UTF-8').findAll { it.trim() }
		def names = lines ? lines[0].split(',', -1) as List : []
		if (!names.containsAll(['label', 'confidence'])) throw new Problem("$csv: has no columns label and confidence; put back the table of the run.")
		def wanted = names.findAll { it == 'confidence' || it.startsWith('agreement_') }
		return lines.drop(1).collectEntries { line ->
			def values = line.split(',', -1)
			[values[names.indexOf('label')] as int, wanted.collectEntries { [it, values[names.indexOf(it)].with { v -> v.isDouble() ? v.toDouble() : Double.NaN }] }]
		}
	}
}
