#@ String (label="What", among="Load labels as regions|Save regions as labels", description="First load, then correct in the ROI Manager, then save") what
#@ File (label="Image or stack (empty: the image in front)", style="open", description="The grey image that was segmented") image
#@ File (label="Labels (to load)", style="open", description="Its labels.tif; empty: those that Segment Image left open") labels
#@ File (label="Regions, RoiSet.zip (empty: the ROI Manager's)", style="open", description="What to save; without a window it must be given") rois
#@ File (label="Save into folder", style="directory", description="Gets labels.tif, rois.zip, and images/ and labels/ to train on") out
#@ String (label="ROI Manager", among="append|replace", description="Whether what is loaded is added to what is in the ROI Manager, or takes its place") regions
#@ UIService ui
// shared: Problem Report Models MacroOptions Inputs InputDialog Strips Pixels Normalisation FieldOfView Units Planes Look ImageFiles Slices Outlines WholeFile RoiZip LabelRois Regions Corrections

final LOAD = 'Load labels as regions'
final SAVE = 'Save regions as labels'
def report = new Report('Correct Labels', ui)
report.guard(binding) { Inputs inputs ->
	def what = inputs.choice('what', [LOAD, SAVE])
	def file = inputs.fileOrNull('image')
	def shown = file == null ? ij.WindowManager.currentImage : null
	if (file == null && shown == null) inputs.file('image', 'image or stack')
	def name = file == null ? shown.title : file.name
	def open = what == LOAD && inputs.fileOrNull('labels') == null ? Corrections.openLabels(name) : null
	def labels = what == LOAD && open == null ? inputs.file('labels', 'label image') : null
	def rois = inputs.fileOrNull('rois')
	// In a window what is loaded lies in the ROI Manager.
	def out = what == LOAD && !report.headless ? inputs.fileOrNull('out') : inputs.file('out', 'folder to save into')
	def corrections = new Corrections(shown ?: ImageFiles.open(file), name, report)
	if (what == LOAD) corrections.load(open ?: ImageFiles.open(labels), open?.title ?: labels.name, out, Regions.wanted(inputs))
	else corrections.save(rois == null ? corrections.managed() : RoiZip.read(rois), out)
}
return null
