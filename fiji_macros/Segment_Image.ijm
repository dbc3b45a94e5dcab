// Finds the particles of one image, or of the image in front if none is named.
//
// In Fiji: Plugins > Macros > Run...; it asks for what it needs.
// From another macro, or after fiji --headless -macro Segment_Image.ijm:
//   runMacro("Particlebridge/Segment_Image.ijm", "image=[/data/a.tif] model=[/models/nmc.zip] out=[/data/a]");
// Left out, thresholds and percentiles are the model's own.
// shared: Arguments
runChecked("Segment Image", getArgument(),
	newArray("image", "model", "out", "prob", "nms", "percentiles", "diameter", "channel", "frame", "slice", "engine", "maps", "regions", "preview"),
	newArray("labels.tif", "prob.tif", "dist.tif", "rois.zip", "overlay.png", "objects.csv"));
