// Finds the particles in every slice of a stack, or of a folder of slices.
//
// In Fiji: Plugins > Macros > Run...; it asks for what it needs.
// From another macro, or after fiji --headless -macro Segment_View.ijm:
//   runMacro("Particlebridge/Segment_View.ijm", "image=[/data/stack.tif] model=[/models/nmc.zip] out=[/data/xy]");
// Left out, thresholds and percentiles are the model's own. Run again, it goes on where it stopped.
// shared: Arguments
arguments = getArgument();
// Named slices are for programs: these are left in .parts, and there are no stacks yet.
slices = valueOf(settingsOf(arguments), "slices");
expected = newArray("labels.tif", "prob.tif", "dist.tif");
if (slices != "") expected = newArray(0);
runChecked("Segment View", arguments,
	newArray("image", "model", "out", "prob", "nms", "percentiles", "diameter", "pixel", "slices", "scale", "channel", "frame", "engine"),
	expected);
