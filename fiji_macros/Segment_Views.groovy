#@ File (label="Volume, or folder of slices (empty: the image in front)", style="open", description="A TIFF stack of xy slices, or a folder: type or drop its path") image
#@ File (label="Model", style="model", description="models/Particlebridge/nmc.zip, or what particlebridge export MODEL makes") model
#@ File (label="Model for xz and yz (empty: the same)", style="open", description="Another bundle for the side views, if their slices look different") sidemodel
#@ File (label="Save into folder", style="directory", description="Gets views/xy, views/xz and views/yz; go on with: particlebridge fuse FOLDER") out
#@ String (label="Views", preset="xy,xz,yz", description="Out of xy, xz and yz") views
#@ String (label="Probability threshold", description="0 to 1; higher values find fewer particles, with higher confidence") prob
#@ String (label="Overlap threshold", description="0 to 1; how much of a particle another one may cover") nms
#@ String (label="Percentiles", description="Grey values that become 0 and 1, such as 1,99.8") percentiles
#@ String (label="Particle diameter (pixels)", description="How wide particles are in this volume; slices are rescaled to the size the model was trained at; empty: estimated") diameter
#@ String (label="Voxel size (um)", description="If the volume does not say; one number for all directions") pixel
#@ String (label="Channel", description="Of an image with several channels: 1, 2, ...") channel
#@ String (label="Frame", description="Of a time series: 1, 2, ...") frame
#@ String (label="Engine", among="automatic|ONNX|StarDist plugin", description="What computes the network: ONNX Runtime needs no StarDist, CSBDeep or TensorFlow; automatic takes it where the model holds model.onnx") engine
#@ CommandService commands
#@ DatasetService datasets
#@ UIService ui
// shared: Problem Report Models MacroOptions Inputs InputDialog Bundle Settings Strips Pixels Normalisation Resampling FieldOfView Outlines Units Planes Look ImageFiles Slices Diameter Segmenter StarDist OnnxNetwork Proposal Candidates Cells SharedArea Suppression Bands FloatRows GridMaps OnnxEngine Particles SideBySide ViewRun PartStack WholeFile

def report = new Report('Segment Views', ui)
report.guard(binding) { Inputs inputs ->
	if (!Slices.isThere(inputs)) inputs.file('image', 'volume, or folder of slices,')
	def planes = Planes.of(inputs, [all: true])
	def model = inputs.model('model')
	def sideModel = inputs.text('sidemodel') ? inputs.model('sidemodel') : model
	def out = inputs.file('out', 'folder to save into')
	def names = (inputs.text('views') ?: 'xy,xz,yz').split(/[,;\s]+/).findAll { it }
	def unknown = names.find { !(it in ['xy', 'xz', 'yz']) }
	if (unknown) throw new Problem("There is no view $unknown; the views are xy, xz and yz.")
	def segmenters = [:] // one for each model: views that share it load it once
	def volume = null
	for (name in names) {
		def ownModel = name == 'xy' ? model : sideModel
		def segmenter = segmenters[ownModel]
		if (segmenter == null) {
			segmenter = Segmenter.of(report, inputs, commands, datasets, ownModel)
			segmenters[ownModel] = segmenter
		}
		if (volume == null) {
			volume = Slices.of(inputs, planes, Settings.pixelSize(segmenter.bundle, inputs.text('pixel')))
			volume.tell(report)
			if (volume.count < 2) throw new Problem("$volume.name: is one image, not a volume; use Segment Image.")
		}
		def first = volume.view(names[0])
		segmenter.estimateFrom(first.name) { first.looks(segmenter.channels) }
		new ViewRun(volume.view(name), new File(new File(out, 'views'), name), segmenter, report).run()
	}
}
return null
