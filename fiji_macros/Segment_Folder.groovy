#@ File (label="Folder of images", style="directory", required=false, persist=false, description="Each image, and each stack, is segmented on its own") folder
#@ File (label="Model (.zip)", style="open", required=false, description="models/Particlebridge/nmc.zip, or what particlebridge export MODEL makes") model
#@ File (label="Save into folder", style="directory", required=false, persist=false, description="Gets one folder per image, and segment_folder.log") out
#@ String (label="Probability threshold", required=false, persist=false, value="", description="0 to 1; higher values find fewer particles, with higher confidence") prob
#@ String (label="Overlap threshold", required=false, persist=false, value="", description="0 to 1; how much of a particle another one may cover") nms
#@ String (label="Percentiles", required=false, persist=false, value="", description="Grey values that become 0 and 1, such as 1,99.8") percentiles
#@ String (label="Particle diameter (pixels)", required=false, persist=false, value="", description="How wide particles are in these images; they are rescaled to the size the model was trained at") diameter
#@ String (label="Engine", choices={"automatic", "ONNX", "StarDist plugin"}, required=false, persist=false, value="automatic", description="What computes the network: ONNX Runtime needs no StarDist, CSBDeep or TensorFlow; automatic takes it where the model holds model.onnx") engine
#@ CommandService commands
#@ DatasetService datasets
#@ UIService ui
// shared: Problem Report MacroOptions Inputs Bundle Settings Resampling FieldOfView Outlines Slices Segmenter StarDist OnnxNetwork Normalisation Candidates Cells Suppression GridMaps OnnxEngine Particles ViewRun PartStack WholeFile RoiZip ImageResult FolderRun

def report = new Report('Segment Folder', ui)
report.guard {
	def inputs = new Inputs(binding)
	def folder = inputs.file('folder', 'folder of images')
	def model = inputs.file('model', 'model (.zip)')
	def out = inputs.file('out', 'folder to save into')
	def segmenter = Segmenter.of(report, inputs, commands, datasets, model)
	new FolderRun(folder, out, segmenter, report).run()
}
return null
