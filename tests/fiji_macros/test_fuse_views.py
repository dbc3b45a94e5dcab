"""*Fuse Views*: Fiji starts particlebridge in Python and takes what it writes."""

import json
import os
import sys

import numpy as np
import pandas as pd
import pytest
from groovy_commands import FIELDS, NO_SERVICES, runnable, with_classes
from particlebridge.bridge import fuse_folder, install_macros, read_labels
from plain_imagej import plain_imagej
from true_views import write_true_views
from window import in_window

CLASSES = ("Problem", "Report", "Models", "MacroOptions", "Inputs", "InputDialog", "CommandLine",
           "LabelColours", "FusedViews")  # fmt: skip
PYTHON = [sys.executable, "-m", "particlebridge"]
FUSE = """
def said = new ByteArrayOutputStream()
def out = System.out
System.setOut(new PrintStream(said))
String problem = null
try {
	def report = new Report('Fuse Views', null)
	new FusedViews(new File(folder), volume ? new File(volume) : null, report)
		.make(python == null ? null : new CommandLine(python))
} catch (Problem known) { problem = known.message }
finally { System.setOut(out) }
[problem: problem, said: said.toString()]
"""
ESCAPE = """
def command = new CommandLine(python)
Thread.start {
	while (!new File(started).exists()) sleep(20)
	command.stop()
}
try { command.run([], new Report('Fuse Views', null)) }
catch (Cancelled known) { return 'cancelled' }
"""


@pytest.fixture(scope="module")
def java():
    return plain_imagej()


@pytest.fixture
def run_folder(tmp_path):
    """Views whose labels are the sections of true particles, and the volume."""
    folder = tmp_path / "a run"
    np.save(tmp_path / "scan.npy", write_true_views(folder).volume)
    return folder, tmp_path / "scan.npy"


def fuse(java, folder, volume=None, python=PYTHON):
    volume = volume and str(volume)
    text = with_classes(FUSE, *CLASSES)
    return java.run(text, folder=str(folder), volume=volume, python=python)


def test_fiji_gets_the_labels_and_the_table_of_python(java, run_folder):
    folder, volume = run_folder
    result = fuse(java, folder, volume)
    assert result["problem"] is None
    assert "labels.tif: fused, with the table features.csv beside it" in result["said"]
    labels = read_labels(folder / "labels.tif")
    assert np.array_equal(
        labels, read_labels(fuse_folder(folder, volume=volume, out=folder / "again.tif"))
    )
    assert len(pd.read_csv(folder / "features.csv")) == labels.max()


def test_without_a_volume_the_table_is_that_of_the_fusion(java, run_folder):
    folder, _ = run_folder
    result = fuse(java, folder)
    assert result["problem"] is None
    assert "the table fusion.csv beside it" in result["said"]
    assert not (folder / "features.csv").exists()


def test_an_error_of_python_is_its_one_sentence(java, run_folder):
    folder, _ = run_folder
    for labels in folder.glob("views/*/labels.tif"):
        labels.unlink()
    problem = fuse(java, folder)["problem"]
    assert problem.startswith(f"{folder}")
    assert "holds no labels.tif of a view" in problem


def test_without_python_the_commands_to_paste_are_said(java, run_folder):
    folder, volume = run_folder
    problem = fuse(java, folder, volume, python=None)["problem"]
    assert f'particlebridge fuse "{folder}" --volume {volume}' in problem
    assert f'&& particlebridge measure {volume} "{folder}/labels.tif" --out' in problem


def test_a_folder_without_views_is_refused(java, tmp_path):
    text = runnable("Fuse_Views", NO_SERVICES)
    variables = dict.fromkeys(FIELDS) | {"folder": str(tmp_path), "settings": {}}
    assert "holds no folder views" in java.run(text, **variables)["problem"]


def test_python_is_that_of_the_installation_else_that_of_the_path(java, tmp_path):
    find = with_classes("CommandLine.find(new File(fiji), path)?.program", *CLASSES)
    home = tmp_path / "Fiji.app"
    for folder in ("jars", "plugins"):
        (home / folder).mkdir(parents=True)
    install_macros(home)
    script = tmp_path / "bin" / "particlebridge"
    script.parent.mkdir()
    script.touch(0o755)
    path = os.pathsep.join(["", str(tmp_path / "no such folder"), str(script.parent)])
    assert java.run(find, fiji=str(home), path=path) == PYTHON
    manifest = home / "scripts/Plugins/Particlebridge/particlebridge.json"
    held = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(held | {"python": str(tmp_path / "gone")}))
    assert java.run(find, fiji=str(home), path=path) == [str(script)]
    assert java.run(find, fiji=str(tmp_path / "no Fiji"), path="") is None


def test_esc_ends_python(java, tmp_path):
    started = tmp_path / "started"
    wait = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    text = with_classes(ESCAPE, *CLASSES)
    said = java.run(text, python=[sys.executable, "-c", wait], started=str(started))
    assert said == "cancelled"


def test_the_window_shows_the_labels_and_the_table(run_folder):
    folder, _ = run_folder
    labels = read_labels(fuse_folder(folder))
    text = """
    new FusedViews(new File(folder), null, new Report('Fuse Views', null)).show()
    def image = ij.WindowManager.currentImage
    def table = ij.WindowManager.getWindow('Particles of a run').textPanel.resultsTable
    [title: image.title, range: [image.displayRangeMin, image.displayRangeMax],
        lut: image.getProcessor().lut.getRGB(0) & 0xffffff, rows: table.size()]
    """
    seen = in_window(with_classes(text, *CLASSES), folder=str(folder))
    assert seen == {"title": "labels.tif", "range": [0, 255], "lut": 0, "rows": labels.max()}
