#@ String (label="What", choices={"Load labels as regions", "Save regions as labels"}, style="radioButtonVertical", description="First load, then correct in the ROI Manager, then save") what
#@ File (label="Image or stack", style="open", persist=false, description="The grey image that was segmented") image
#@ File (label="Labels (to load)", style="open", required=false, value="", persist=false, description="Its labels.tif; not needed to save") labels
#@ File (label="Regions, RoiSet.zip (empty: the ROI Manager's)", style="open", required=false, value="", persist=false, description="What to save; without a window it must be given") rois
#@ File (label="Save into folder", style="directory", required=false, value="", persist=false, description="Gets labels.tif, rois.zip, and images/ and labels/ to train on") out
#@ java.util.BitSet (required=false, persist=false) notAsked
#@ UIService ui
// shared: Problem Report FieldOfView Slices Outlines WholeFile RoiZip LabelRois Corrections

// Were a File the only input left out, SciJava would choose it by itself: without a window it cancels and is
// silent. notAsked has a type that no dialog knows and is never given, so a File is never the only one.
def report = new Report('Correct Labels', ui)
report.guard {
	// An empty field of a recorded macro is a file without a name.
	labels = WholeFile.orNull(labels)
	rois = WholeFile.orNull(rois)
	out = WholeFile.orNull(out)
	def corrections = new Corrections(Slices.openImage(image), image.name, report)
	if (what.startsWith('Load')) {
		if (labels == null) throw new Problem('Choose the labels to load.')
		corrections.load(Slices.openImage(labels), labels.name, out)
	} else {
		if (out == null) throw new Problem('Choose the folder to save into.')
		corrections.save(rois == null ? corrections.managed() : RoiZip.read(rois), out)
	}
}
return null
