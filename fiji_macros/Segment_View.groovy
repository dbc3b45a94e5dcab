#@ File (label="Stack, or folder of slices", style="open", required=false, persist=false, description="A TIFF stack, or a folder: type or drop its path") image
#@ File (label="Model (.zip)", style="open", required=false, description="models/Particlebridge/nmc.zip, or what particlebridge export MODEL makes") model
#@ File (label="Save into folder", style="directory", required=false, persist=false, description="Gets labels.tif, prob.tif and dist.tif") out
#@ String (label="Probability threshold", required=false, persist=false, value="", description="0 to 1; higher values find fewer particles, with higher confidence") prob
#@ String (label="Overlap threshold", required=false, persist=false, value="", description="0 to 1; how much of a particle another one may cover") nms
#@ String (label="Percentiles", required=false, persist=false, value="", description="Grey values that become 0 and 1, such as 1,99.8") percentiles
#@ String (label="Particle diameter (pixels)", required=false, persist=false, value="", description="How wide particles are in this image; slices are rescaled to the size the model was trained at") diameter
#@ String (label="Pixel size (um)", required=false, persist=false, value="", description="If the image does not say; one number for all directions") pixel
#@ String (label="Only these slices", required=false, persist=false, value="", description="For programs, such as 0-9,12: they are left in .parts, and no stacks are written; empty: all") slices
#@ String (label="Scale of rows, columns", required=false, persist=false, value="", description="For programs, such as 0.5,0.5, in place of diameter and pixel size; empty: from these") scale
#@ String (label="Engine", choices={"automatic", "ONNX", "StarDist plugin"}, required=false, persist=false, value="automatic", description="What computes the network: ONNX Runtime needs no StarDist, CSBDeep or TensorFlow; automatic takes it where the model holds model.onnx") engine
#@ CommandService commands
#@ DatasetService datasets
#@ UIService ui
// shared: Problem Report MacroOptions Inputs Bundle Settings Resampling FieldOfView Outlines Slices Segmenter StarDist OnnxNetwork Normalisation Candidates Cells Suppression GridMaps OnnxEngine Particles ViewRun PartStack WholeFile

def report = new Report('Segment View', ui)
report.guard {
	def inputs = new Inputs(binding)
	def image = inputs.file('image', 'stack, or folder of slices,')
	def model = inputs.file('model', 'model (.zip)')
	def out = inputs.file('out', 'folder to save into')
	def segmenter = Segmenter.of(report, inputs, commands, datasets, model)
	// A program that calls this command names the slices it wants, such as 0-3,7, and reads .parts itself;
	// it may give the scale of rows and columns, such as 0.5,0.5.
	def scale = inputs.text('scale')
	def factors = scale ? scale.split(',').collect { Settings.number('The scale', it, null, 1, 1e-3, 1e3) } : null
	def run = new ViewRun(Slices.open(image, Settings.pixelSize(segmenter.bundle, inputs.text('pixel'))), out, segmenter, report, factors as double[])
	def only = inputs.text('slices')
	run.run(only ? ViewRun.numbers(only) : null)
}
return null
