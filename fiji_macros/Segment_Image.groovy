#@ File (label="Image (empty: the active one)", style="open", description="A file; if empty, the image in front") image
#@ File (label="Model", style="model", description="models/Particlebridge/nmc.zip, or what particlebridge export MODEL makes") model
#@ File (label="Save into folder (empty: do not save)", style="directory", description="Gets labels.tif, prob.tif, dist.tif, rois.zip, overlay.png, objects.csv") out
#@ String (label="Probability threshold", description="0 to 1; higher values find fewer particles, with higher confidence") prob
#@ String (label="Overlap threshold", description="0 to 1; how much of a particle another one may cover") nms
#@ String (label="Percentiles", description="Grey values that become 0 and 1, such as 1,99.8") percentiles
#@ String (label="Particle diameter (pixels)", description="How wide particles are in this image; the image is rescaled to the size the model was trained at; empty: estimated") diameter
#@ String (label="Channel", description="Of an image with several channels: 1, 2, ...; empty: the one that is shown") channel
#@ String (label="Frame", description="Of a time series: 1, 2, ...; empty: the one that is shown") frame
#@ String (label="Slice of a stack", style="numbered", among="shown|all", description="Of a stack: the slice that is shown, all, or a number: 1, 2, ...") slice
#@ String (label="Engine", among="automatic|ONNX|StarDist plugin", description="What computes the network: ONNX Runtime needs no StarDist, CSBDeep or TensorFlow; automatic takes it where the model holds model.onnx") engine
#@ String (label="ROI Manager", among="append|replace", description="Whether the particles are added to what is in the ROI Manager, or take its place") regions
#@ Boolean (label="Show probability and distance", description="As two more images; they are saved in any case") maps
#@ Boolean (label="Preview thresholds", description="Find them with sliders; the network runs only once (ONNX)") preview
#@ CommandService commands
#@ DatasetService datasets
#@ UIService ui
// shared: Problem Report Models MacroOptions Inputs InputDialog Bundle Settings Strips Pixels Normalisation Resampling FieldOfView Outlines Units Planes Look ImageFiles Slices Diameter Segmenter StarDist OnnxNetwork Proposal Candidates Cells SharedArea Suppression Bands FloatRows GridMaps OnnxEngine Particles SideBySide WholeFile TiffFile RoiZip LabelColours ImageResult ParticleTable Regions ResultWindows Preview

def report = new Report('Segment Image', ui, true)
report.guard(binding) { Inputs inputs ->
	def image = inputs.fileOrNull('image')
	def shown = image == null ? ij.WindowManager.currentImage : null
	if (image == null && shown == null) throw new Problem('No image is open: open one, or name a file (image=...).')
	def model = inputs.model('model')
	def maps = inputs.yes('maps')
	def regions = Regions.wanted(inputs)
	def out = report.headless ? inputs.file('out', 'folder to save into') : inputs.fileOrNull('out')
	def segmenter = Segmenter.of(report, inputs, commands, datasets, model)
	if (image?.directory) throw new Problem("$image: is a folder; Segment View takes a folder of slices, Segment Folder one of images.")
	def slices = Slices.of(inputs, Planes.of(inputs, [shown: shown != null], true), 0)
	slices.tell(report)
	segmenter.checkMemory(slices, slices.count, report.headless ? 0 : maps ? 10 : 2)
	def selection = shown?.roi
	if (selection instanceof ij.gui.Line && segmenter.measureAlong(selection, slices, report)) {
		inputs.settle(diameter: "$segmenter.settings.diameter") // the recorded line finds the same without the selection
	}
	segmenter.estimateFrom(slices.name) { slices.looks(segmenter.channels) }
	segmenter.settle(report)
	def scale = segmenter.scaleOf(slices)
	def source = report.headless ? null : slices.image
	def found = new Particles[slices.count]
	if (inputs.yes('preview')) {
		if (report.headless) throw new Problem('Thresholds can be previewed only in a window (preview=...).')
		def settings = segmenter.settings
		int at = slices.shown
		def proposal = segmenter.propose(slices.slice(at, segmenter.channels), scale, slices.name,
			Math.min(settings.prob, Preview.LEAST))
		new Preview(source, slices, at, proposal, settings).ask()
		// The recorded line finds the same without a preview.
		inputs.settle(preview: '', prob: "$settings.prob", nms: "$settings.nms")
		found[at] = OnnxEngine.particles(proposal, settings.prob, settings.nms)
	}
	segmenter.segmentAll(slices, found, report)
	if (selection?.area) {
		int all = found.sum { it.outlines.size() }
		found = found.collect { it.within(selection) }
		report.say("$slices.name: a selection is drawn; of $all particles those ${found.sum { it.outlines.size() }} are kept whose centre lies in it")
	}
	def result = new ImageResult(found as List, slices, segmenter)
	if (out != null) result.save(out)
	if (source != null) new ResultWindows(source, result).show(maps, regions, report)
	report.say("$slices.name: $result.count particles" + (slices.count > 1 ? " in $slices.count ${slices.axis}s" : '') +
		segmenter.settings.toldEstimate() + (out == null ? '' : ", saved in $out"))
}
return null
