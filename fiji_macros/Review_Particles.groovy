#@ File (label="Run folder", style="directory", description="Holds labels.tif and fusion.csv; what you do is kept in its corrections.jsonl") folder
#@ File (label="Volume (empty: the run's own)", style="open", description="Its grey values, to look at; empty: the file that run.json names") volume
#@ File (label="Save corrected labels as (empty: do not save)", style="save", description="A TIFF of the labels with all corrections, for use outside of Particlebridge") out
#@ String (description="For programs: acts by number of the particle, such as: accept 17; delete 4; merge 3 9; cut 5 12 40 10 40 90; redraw 5 12 X Y X Y X Y; unsure 8; undo; redo; empty: the window opens") acts
#@ UIService ui
// shared: Problem Report Models MacroOptions Inputs InputDialog ImageFiles LabelColours Outlines LabelRois WholeFile PackedMask LabelRecord LabelEdit LabelStack CorrectionLog LabelActs Review ReviewFolder ReviewScript ReviewOutlines ReviewSides ReviewWindow

def report = new Report('Review Particles', ui, true)
report.guard(binding) { Inputs inputs ->
	def folder = new ReviewFolder(inputs.file('folder', 'run folder'))
	def acts = inputs.text('acts')
	def out = inputs.fileOrNull('out')
	folder.checkTarget(out)
	def shows = !acts && !report.headless
	def volume = shows ? folder.volume(inputs.fileOrNull('volume'), report) : null
	def review = new Review(folder, shows ? 'fiji' : 'script', report)
	if (acts) ReviewScript.run(review, report, acts)
	else if (shows) new ReviewWindow(review, volume).ask()
	if (out != null) review.save(out)
}
return null
