"""The Groovy commands as the tests run them: their classes alone, or whole and without a Fiji."""

import re
from pathlib import Path

from particlebridge.fiji_macros.compose import compose

ENGINES = (
    "Problem", "Report", "Models", "MacroOptions", "Inputs", "InputDialog", "Bundle", "Settings",
    "Strips", "Pixels", "Normalisation", "Resampling", "FieldOfView", "Outlines", "Units", "Planes",
    "Look", "ImageFiles", "Slices", "Diameter", "Segmenter", "StarDist", "OnnxNetwork", "Proposal",
    "Candidates", "Cells", "SharedArea", "Suppression", "Bands", "FloatRows", "GridMaps",
    "OnnxEngine", "Particles", "SideBySide", "WholeFile",
)  # fmt: skip
"""The shared classes of both engines and what they need."""
SHARED = Path(__file__).parents[2] / "fiji_macros" / "shared"


def with_classes(text, *names):
    """Groovy text that sees shared classes, as a composed command does."""
    sources = [(SHARED / f"{name}.groovy").read_text() for name in names]
    lines = "\n".join(sources).splitlines()
    imports = sorted({line for line in lines if line.startswith("import ")})
    rest = [line for line in lines if not line.startswith(("import ", "#@"))]
    return "\n".join([*imports, text, *rest])


# Put around a command's text: its inputs become those of a test, its output and errors the answer.
BEFORE = """
SERVICES
said = new ByteArrayOutputStream()
streams = [System.out, System.err]
System.setOut(new PrintStream(said)); System.setErr(new PrintStream(said))
problem = null
limits = [:]
limit = { name, value ->
    def (type, field) = name.split(/[.]/) as List
    def owner = this.class.classLoader.loadClass(type)
    if (!limits.containsKey(name)) limits[name] = owner."$field"
    owner."$field" = value
}
settings.limits?.each(limit)
ij.WindowManager.setTempCurrentImage(null)
if (settings.open) {
    ij.WindowManager.setTempCurrentImage(ij.IJ.openImage(settings.open))
    if (settings.line) ij.IJ.getImage().setRoi(new ij.gui.Line(*settings.line))
    if (settings.oval) ij.IJ.getImage().setRoi(new ij.gui.OvalRoi(*settings.oval))
    if (settings.at) ij.IJ.getImage().setPositionWithoutUpdate(*settings.at)
}
try {
"""
AFTER = """
} catch (e) { problem = e.message }
finally {
    System.setOut(streams[0])
    System.setErr(streams[1])
    new HashMap(limits).each(limit) // the next run of this text has the same classes
}
[calls: commands?.calls, problem: problem, said: said.toString()]
"""
FIELDS = ("image", "model", "out", "prob", "nms", "percentiles", "diameter", "pixel",
          "slices", "scale", "sidemodel", "views", "folder", "volume", "what", "labels", "rois",
          "engine", "channel", "frame", "slice", "acts")  # fmt: skip


STUB_SERVICES = """
(commands, datasets, ui) = [new RecordingStarDist(grid: settings.grid ?: 1, fault: settings.fault),
    new StubDatasets(), null]
if (settings.faulty != null) commands.faulty = { it in settings.faulty }
"""
NO_SERVICES = "(commands, datasets, ui) = [null, null, null]"


def runnable(command, services=STUB_SERVICES):
    """A command's text between BEFORE and AFTER; its `return null` and classes stay behind it."""
    return "".join(parted(command, services))


def parted(command, services=STUB_SERVICES):
    """As `runnable`: imports; the text without classes; the classes."""
    text = re.sub(r"^#@.*\n", "", compose(command), flags=re.MULTILINE)
    imports = "".join(line + "\n" for line in text.splitlines() if line.startswith("import "))
    body, classes = re.sub(r"^import .*\n", "", text, flags=re.MULTILINE).split("return null\n", 1)
    return imports, BEFORE.replace("SERVICES", services) + body + AFTER, classes
