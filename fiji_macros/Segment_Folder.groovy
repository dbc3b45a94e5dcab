#@ File (label="Folder of images", style="directory", description="Each image, and each stack, is segmented on its own") folder
#@ File (label="Model", style="model", description="models/Particlebridge/nmc.zip, or what particlebridge export MODEL makes") model
#@ File (label="Save into folder", style="directory", description="Gets one folder per image, and segment_folder.log") out
#@ String (label="Probability threshold", description="0 to 1; higher values find fewer particles, with higher confidence") prob
#@ String (label="Overlap threshold", description="0 to 1; how much of a particle another one may cover") nms
#@ String (label="Percentiles", description="Grey values that become 0 and 1, such as 1,99.8") percentiles
#@ String (label="Particle diameter (pixels)", description="How wide particles are in these images; they are rescaled to the size the model was trained at; empty: estimated") diameter
#@ String (label="Channel", description="Of an image with several channels: 1, 2, ...") channel
#@ String (label="Frame", description="Of a time series: 1, 2, ...") frame
#@ String (label="Engine", among="automatic|ONNX|StarDist plugin", description="What computes the network: ONNX Runtime needs no StarDist, CSBDeep or TensorFlow; automatic takes it where the model holds model.onnx") engine
#@ CommandService commands
#@ DatasetService datasets
#@ UIService ui
// shared: Problem Report Models MacroOptions Inputs InputDialog Bundle Settings Strips Pixels Normalisation Resampling FieldOfView Outlines Units Planes Look ImageFiles Slices Diameter Segmenter StarDist OnnxNetwork Proposal Candidates Cells SharedArea Suppression Bands FloatRows GridMaps OnnxEngine Particles SideBySide ViewRun PartStack WholeFile TiffFile RoiZip LabelColours ImageResult FolderRun

def report = new Report('Segment Folder', ui)
report.guard(binding) { Inputs inputs ->
	def folder = inputs.file('folder', 'folder of images')
	def model = inputs.model('model')
	def out = inputs.file('out', 'folder to save into')
	def segmenter = Segmenter.of(report, inputs, commands, datasets, model)
	new FolderRun(folder, out, segmenter, Planes.of(inputs, [all: true, time: true]), report).run()
}
return null
