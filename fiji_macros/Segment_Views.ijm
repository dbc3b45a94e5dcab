// Finds the particles of a volume in its three views: xy, xz and yz.
//
// In Fiji: Plugins > Macros > Run...; it asks for what it needs.
// From another macro, or after fiji --headless -macro Segment_Views.ijm:
//   runMacro("Particlebridge/Segment_Views.ijm", "image=[/data/volume.tif] model=[/models/nmc.zip] out=[/data/run]");
// Left out, thresholds and percentiles are the model's own. Run again, it goes on where it stopped.
// shared: Arguments
arguments = getArgument();
views = valueOf(settingsOf(arguments), "views");
if (views == "") views = "xy,xz,yz";
views = split(views, ",");
expected = newArray(0);
for (i = 0; i < views.length; i++) {
	folder = "views" + File.separator + String.trim(views[i]) + File.separator;
	expected = Array.concat(expected, folder + "labels.tif", folder + "prob.tif", folder + "dist.tif");
}
runChecked("Segment Views", arguments,
	newArray("image", "model", "sidemodel", "out", "views", "prob", "nms", "percentiles", "diameter", "pixel", "channel", "frame", "engine"),
	expected);
