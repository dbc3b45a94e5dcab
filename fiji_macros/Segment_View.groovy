#@ File (label="Stack, or folder of slices (empty: the image in front)", style="open", description="A TIFF stack, or a folder: type or drop its path") image
#@ File (label="Model", style="model", description="models/Particlebridge/nmc.zip, or what particlebridge export MODEL makes") model
#@ File (label="Save into folder", style="directory", description="Gets labels.tif, prob.tif and dist.tif") out
#@ String (label="Probability threshold", description="0 to 1; higher values find fewer particles, with higher confidence") prob
#@ String (label="Overlap threshold", description="0 to 1; how much of a particle another one may cover") nms
#@ String (label="Percentiles", description="Grey values that become 0 and 1, such as 1,99.8") percentiles
#@ String (label="Particle diameter (pixels)", description="How wide particles are in this image; slices are rescaled to the size the model was trained at; empty: estimated") diameter
#@ String (label="Pixel size (um)", description="If the image does not say; one number for all directions") pixel
#@ String (description="For programs: only these slices, such as 0-9,12: they are left in .parts, and no stacks are written; empty: all") slices
#@ String (description="For programs: scale of rows and columns, such as 0.5,0.5, in place of diameter and pixel size; empty: from these") scale
#@ String (label="Channel", description="Of an image with several channels: 1, 2, ...") channel
#@ String (label="Frame", description="Of a time series: 1, 2, ...") frame
#@ String (label="Engine", among="automatic|ONNX|StarDist plugin", description="What computes the network: ONNX Runtime needs no StarDist, CSBDeep or TensorFlow; automatic takes it where the model holds model.onnx") engine
#@ CommandService commands
#@ DatasetService datasets
#@ UIService ui
// shared: Problem Report Models MacroOptions Inputs InputDialog Bundle Settings Strips Pixels Normalisation Resampling FieldOfView Outlines Units Planes Look ImageFiles Slices Diameter Segmenter StarDist OnnxNetwork Proposal Candidates Cells SharedArea Suppression Bands FloatRows GridMaps OnnxEngine Particles SideBySide ViewRun PartStack WholeFile

def report = new Report('Segment View', ui)
report.guard(binding) { Inputs inputs ->
	if (!Slices.isThere(inputs)) inputs.file('image', 'stack, or folder of slices,')
	def model = inputs.model('model')
	def out = inputs.file('out', 'folder to save into')
	def segmenter = Segmenter.of(report, inputs, commands, datasets, model)
	// A program that calls this command names the slices it wants, such as 0-3,7, and reads .parts itself;
	// it may give the scale of rows and columns, such as 0.5,0.5.
	def scale = inputs.text('scale')
	def factors = scale ? scale.split(',').collect { Settings.number('The scale', it, null, 1, 1e-3, 1e3) } : null
	def stack = Slices.of(inputs, Planes.of(inputs, [all: true, time: true]), Settings.pixelSize(segmenter.bundle, inputs.text('pixel')))
	stack.tell(report)
	def run = new ViewRun(stack, out, segmenter, report, factors as double[])
	def only = inputs.text('slices')
	run.run(only ? ViewRun.numbers(only) : null)
}
return null
