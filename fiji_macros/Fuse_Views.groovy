#@ File (label="Run folder", style="directory", description="What Segment Views saved into; gets labels.tif and fusion.csv") folder
#@ File (label="Volume (empty: none)", style="open", description="Its grey values refine the outlines and find voids, and the particles are measured: features.csv") volume
#@ UIService ui
// shared: Problem Report Models MacroOptions Inputs InputDialog CommandLine LabelColours FusedViews

def report = new Report('Fuse Views', ui)
report.guard(binding) { Inputs inputs ->
	def folder = inputs.file('folder', 'run folder')
	def fused = new FusedViews(folder, inputs.fileOrNull('volume'), report)
	fused.make(CommandLine.find())
	if (!report.headless) fused.show()
}
return null
