#@ File (label="Image (empty: the active one)", style="open", required=false, value="", persist=false, description="A file; if empty, the image in front. Its particles take the place of what is in the ROI Manager") image
#@ File (label="Model (.zip)", style="open", required=false, description="models/Particlebridge/nmc.zip, or what particlebridge export MODEL makes") model
#@ File (label="Save into folder (empty: do not save)", style="directory", required=false, value="", persist=false, description="Gets labels.tif, prob.tif, dist.tif, rois.zip, overlay.png, objects.csv") out
#@ String (label="Probability threshold", required=false, persist=false, value="", description="0 to 1; higher values find fewer particles, with higher confidence") prob
#@ String (label="Overlap threshold", required=false, persist=false, value="", description="0 to 1; how much of a particle another one may cover") nms
#@ String (label="Percentiles", required=false, persist=false, value="", description="Grey values that become 0 and 1, such as 1,99.8") percentiles
#@ String (label="Particle diameter (pixels)", required=false, persist=false, value="", description="How wide particles are in this image; the image is rescaled to the size the model was trained at") diameter
#@ String (label="Engine", choices={"automatic", "ONNX", "StarDist plugin"}, required=false, persist=false, value="automatic", description="What computes the network: ONNX Runtime needs no StarDist, CSBDeep or TensorFlow; automatic takes it where the model holds model.onnx") engine
#@ CommandService commands
#@ DatasetService datasets
#@ UIService ui
// shared: Problem Report MacroOptions Inputs Bundle Settings Resampling FieldOfView Outlines Slices Segmenter StarDist OnnxNetwork Normalisation Candidates Cells Suppression GridMaps OnnxEngine Particles WholeFile RoiZip ImageResult

def report = new Report('Segment Image', ui)
report.guard {
	def inputs = new Inputs(binding)
	def image = inputs.fileOrNull('image')
	def shown = image == null ? ij.WindowManager.currentImage : null
	if (image == null && shown == null) throw new Problem('No image is open: open one, or name a file (image=...).')
	def model = inputs.file('model', 'model (.zip)')
	def out = report.headless ? inputs.file('out', 'folder to save into') : inputs.fileOrNull('out')
	def segmenter = Segmenter.of(report, inputs, commands, datasets, model)
	def slices = shown == null ? Slices.open(image, 0) : Slices.of(shown, shown.title, 0)
	if (slices.count != 1) {
		throw new Problem("$slices.name: has $slices.count slices; use Segment View for a stack, Segment Views for a volume.")
	}
	def values = slices.slice(0, segmenter.channels)
	def particles = segmenter.segment(values, slices.h, slices.w, segmenter.scaleOf(slices), slices.name)
	def result = new ImageResult(particles, values, slices)
	if (out != null) result.save(out)
	report.say("$slices.name: ${particles.outlines.size()} particles" + (out == null ? '' : ", saved in $out"))
	if (!report.headless) {
		shown = shown ?: Slices.openImage(image)
		if (!shown.visible) shown.show()
		shown.setOverlay(result.overlay())
		['labels': particles.labels, 'prob': particles.probImage(), 'dist': particles.distImage()].each { name, pixels ->
			def window = new ij.ImagePlus("$name of $slices.name", pixels)
			window.calibration = slices.calibration()
			if (name == 'labels') pixels.setColorModel(ImageResult.labelColours())
			window.resetDisplayRange()
			window.show()
		}
		def manager = ij.plugin.frame.RoiManager.getRoiManager()
		manager.reset()
		result.rois().each { manager.addRoi(it) }
	}
}
return null
