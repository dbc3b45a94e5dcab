"""Every command by every route on the Fiji of $FIJI_HOME, against what the plugin recorded.

Routes: another macro; `fiji --headless --run`; `fiji --headless -macro`; pyimagej. Needs a Fiji
with StarDist and CSBDeep; everything here is skipped without.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from engine_contract import PLUGIN, THRESHOLDS, recorded
from particlebridge.analysis import score
from particlebridge.bridge import FijiEngine, FijiSession, PythonEngine, Settings, read_labels
from particlebridge.bridge.fiji.install import (
    MACRO_FOLDER,
    install_macros,
    installed_version,
    uninstall_macros,
)
from particlebridge.bridge.volumes.label_records import Recorded, label_digest
from particlebridge.bridge.volumes.writing import write_labels
from particlebridge.exporter import export, load_model
from particlebridge.fiji_macros.compose import COMMANDS, MACROS, compose, script, version
from real_fiji import NEEDED, launch, left_out, phantom, truth
from true_views import write_true_views

pytestmark = pytest.mark.fiji

ROUTES = ("another macro", "--run", "-macro", "pyimagej")
SHIPPED = {"prob": THRESHOLDS["prob_thresh"], "nms": THRESHOLDS["nms_thresh"]}


@pytest.fixture(scope="module")
def session(real_fiji):
    with FijiSession(real_fiji, heap="2g") as running:
        yield running


def options(settings: dict) -> str:
    return " ".join(f"{key}=[{value}]" for key, value in settings.items())


def macro_line(command: str, settings: dict) -> str:
    return f'run("{command.replace("_", " ")}", "{options(settings)}");\n'


@pytest.fixture
def call(real_fiji, request, tmp_path):
    """Run a command by a route; tells the exit code, 0 where there is none."""

    def call(route: str, command: str, settings: dict) -> tuple[int, str]:
        settings = {key: str(value) for key, value in settings.items()}
        if route == "pyimagej":
            session = request.getfixturevalue("session")
            session.run_groovy(compose(command), settings)
            return 0, "\n".join(session.log_lines())
        if route == "--run":
            inputs = ",".join(f"{key}='{value}'" for key, value in settings.items())
            done = launch(real_fiji, "--run", str(real_fiji / script(command)), inputs)
        elif route == "-macro" and command in MACROS:
            path = real_fiji / MACRO_FOLDER / f"{command}.ijm"
            done = launch(real_fiji, "-macro", str(path), options(settings))
        else:
            text = macro_line(command, settings)
            if route == "-macro":  # no macro of ours: the argument is handed on by one line
                text = f'run("{command.replace("_", " ")}", getArgument());\n'
            (tmp_path / "caller.ijm").write_text(text)
            done = launch(real_fiji, "-macro", str(tmp_path / "caller.ijm"), options(settings))
        return done.returncode, done.stdout + done.stderr

    return call


def volume_whose(view: str, path: Path) -> Path:
    """A volume that shows the phantom slice, twice, in one view."""
    axis = {"xy": 0, "xz": 1, "yz": 2}[view]
    stack = np.repeat(np.expand_dims(phantom(), axis), 2, axis=axis)
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    return path


def check_image(call, route, tmp_path):
    code, said = call(route, "Segment_Image", {
        "image": PLUGIN / "phantom_slice.tif", "model": PLUGIN / "bundle.zip",
        "out": tmp_path / "out", **SHIPPED,
    })  # fmt: skip
    assert code == 0, said
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "labels.tif"), truth()), said
    for name in ("rois.zip", "overlay.png", "objects.csv"):
        assert (tmp_path / "out" / name).stat().st_size > 0
    maps = recorded(PLUGIN / "phantom_slice_plugin_tiles1.npz")
    assert np.array_equal(
        tifffile.imread(tmp_path / "out/prob.tif")[::2, ::2], maps["prob"][::2, ::2]
    )
    assert np.abs(tifffile.imread(tmp_path / "out/dist.tif") - maps["dist_mean"]).max() < 1e-5


def check_view(call, route, tmp_path):
    code, said = call(route, "Segment_View", {
        "image": volume_whose("xy", tmp_path / "v.tif"), "model": PLUGIN / "bundle.zip",
        "out": tmp_path / "out", **SHIPPED,
    })  # fmt: skip
    assert code == 0, said
    labels = tifffile.imread(tmp_path / "out" / "labels.tif")
    assert np.array_equal(labels, [truth(), truth()]), said


def check_views(call, route, tmp_path, views=("xz", "yz")):
    for view in views if route == "pyimagej" else views[:1]:
        code, said = call(route, "Segment_Views", {
            "image": volume_whose(view, tmp_path / f"{view}.tif"), "model": PLUGIN / "bundle.zip",
            "out": tmp_path / "out", "views": view, **SHIPPED,
        })  # fmt: skip
        assert code == 0, said
        labels = tifffile.imread(tmp_path / "out" / "views" / view / "labels.tif")
        assert np.array_equal(labels, [truth(), truth()]), said


def check_folder(call, route, tmp_path):
    shared = Path(__file__).parents[3] / "shared" / "data" / "plugin"
    expected = {"phantom_slice": PLUGIN}
    if shared.is_dir():
        expected["real_slice"] = shared
    (tmp_path / "images").mkdir()
    for name, place in expected.items():
        (tmp_path / "images" / f"{name}.tif").write_bytes((place / f"{name}.tif").read_bytes())
    settings = {"folder": tmp_path / "images", "model": PLUGIN / "bundle.zip",
                "out": tmp_path / "out", **SHIPPED}  # fmt: skip
    code, said = call(route, "Segment_Folder", settings)
    assert code == 0, said
    for name, place in expected.items():
        labels = tifffile.imread(tmp_path / "out" / name / "labels.tif")
        assert np.array_equal(labels, recorded(place / f"{name}_plugin_tiles1.npz")["label"]), name
    log = (tmp_path / "out" / "segment_folder.log").read_text()
    assert f"{len(expected)} images are done" in log


def check_correct(call, route, tmp_path):
    tifffile.imwrite(tmp_path / "labels.tif", truth())
    for settings in (
        {"what": "Load labels as regions", "labels": tmp_path / "labels.tif"},
        {"what": "Save regions as labels", "rois": tmp_path / "out" / "rois.zip"},
    ):
        code, said = call(
            route,
            "Correct_Labels",
            {**settings, "image": PLUGIN / "phantom_slice.tif", "out": tmp_path / "out"},
        )
        assert code == 0, said
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "labels.tif"), truth())
    assert (tmp_path / "out" / "images" / "phantom_slice.tif").is_file()


def check_fuse(call, route, tmp_path):
    made = write_true_views(tmp_path / "run")
    code, said = call(route, "Fuse_Views", {"folder": tmp_path / "run"})
    assert code == 0, said
    fused = read_labels(tmp_path / "run" / "labels.tif")
    assert score(fused, made.labels, 0.5).f1 > 0.9


def check_review(call, route, tmp_path):
    labels = np.zeros((3, 20, 30), np.int32)
    labels[:, 5:15, 5:15], labels[:, 5:15, 15:25] = 1, 2
    write_labels(tmp_path / "labels.tif", labels, None, Recorded(label_digest(labels)).note)
    settings = {"folder": tmp_path, "acts": "merge 1 2; undo; delete 1", "out": tmp_path / "o.tif"}
    code, said = call(route, "Review_Particles", settings)
    assert code == 0, said
    assert np.array_equal(tifffile.imread(tmp_path / "o.tif"), np.where(labels == 2, 2, 0)), said
    acts = [json.loads(line)["act"] for line in (tmp_path / "corrections.jsonl").open()]
    assert acts == ["merge", "undo", "delete"]


CHECKS = {
    "Segment_Image": check_image,
    "Segment_View": check_view,
    "Segment_Views": check_views,
    "Segment_Folder": check_folder,
    "Fuse_Views": check_fuse,
    "Review_Particles": check_review,
    "Correct_Labels": check_correct,
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("command", COMMANDS)
def test_gives_the_recorded_labels_bit_for_bit(call, tmp_path, command, route):
    CHECKS[command](call, route, tmp_path)


@pytest.mark.parametrize("route", ["another macro", "--run", "-macro"])
@pytest.mark.parametrize("command", ["Segment_Image", "Segment_Folder"])
def test_a_fault_is_one_sentence_and_exit_code_1(call, tmp_path, command, route):
    source = {
        "Segment_Image": {"image": PLUGIN / "phantom_slice.tif"},
        "Segment_Folder": {"folder": PLUGIN},
    }[command]
    code, said = call(route, command, {**source, "model": "/no/model.zip", "out": tmp_path / "o"})
    assert code == 1
    assert "/no/model.zip: there is no such model." in said
    assert "\tat " not in said


def without(command: str, name: str, tmp_path: Path) -> dict:
    """All that a command needs, but for one input."""
    given = {key: tmp_path / key for key in NEEDED[command]}
    if "what" in given:
        given["what"] = "Load labels as regions"
    del given[name]
    return given


# A Fiji that was started for it ends at the first fault: one input of each command by each route.
@pytest.mark.parametrize("route", ["--run", "-macro", "another macro"])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_left_out_is_said(call, tmp_path, command, route):
    name = NEEDED[command][-1 - ROUTES.index(route) % len(NEEDED[command])]
    code, said = call(route, command, without(command, name, tmp_path))
    assert code == 1, said
    assert f"[particlebridge] ERROR {command.replace('_', ' ')}: No " in said
    assert left_out(command, name) in said


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_left_out_is_said_through_pyimagej(call, tmp_path, command):
    for name in NEEDED[command]:
        _, said = call("pyimagej", command, without(command, name, tmp_path))
        errors = [line for line in said.splitlines() if "[particlebridge] ERROR" in line]
        assert errors[-1].startswith(f"[particlebridge] ERROR {command.replace('_', ' ')}: No ")
        assert errors[-1].endswith(left_out(command, name))


def test_a_macro_that_stops_itself_ends_with_exit_code_1(call, tmp_path):
    code, said = call("-macro", "Segment_View", {"modle": "x", "out": tmp_path})
    assert code == 1
    assert "[particlebridge] ERROR There is no setting modle" in said


@pytest.mark.parametrize("fault", ["colour", "three channels", "corrupt"])
def test_what_the_plugin_cannot_take_is_said(call, tmp_path, fault):
    """Faults that StarDist itself answers with null or a stack trace."""
    image, model = PLUGIN / "phantom_slice.tif", PLUGIN / "bundle.zip"
    if fault == "corrupt":
        model = tmp_path / "corrupt.zip"
        model.write_bytes((PLUGIN / "bundle.zip").read_bytes()[:-4000])
    else:
        image = tmp_path / "a.tif"
        kind = {"photometric": "rgb"} if fault == "colour" else {"imagej": True}
        axes = {} if fault == "colour" else {"metadata": {"axes": "CYX"}}
        shape = (40, 50, 3) if fault == "colour" else (3, 40, 50)
        tifffile.imwrite(
            image, np.arange(np.prod(shape), dtype=np.uint8).reshape(shape), **kind, **axes
        )
    code, said = call(
        "--run", "Segment_Image", {"image": image, "model": model, "out": tmp_path / "o"}
    )
    assert code == 1, said
    assert "[particlebridge] ERROR Segment Image: " in said
    assert not (tmp_path / "o" / "labels.tif").exists()


# --- the python engine's particles, where images are rescaled


@pytest.fixture(scope="module")
def nmc(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "nmc.zip"
    export("nmc", path, verify=False)
    return path


def same_particles(labels: np.ndarray, other: np.ndarray) -> None:
    assert other.max() > 5
    assert labels.max() == other.max()
    assert np.mean(labels == other) > 0.9995


@pytest.mark.parametrize("diameter", [24, 70])
def test_a_diameter_gives_the_python_engines_particles(session, nmc, tmp_path, diameter):
    session.run_groovy(compose("Segment_Image"), {
        "image": str(PLUGIN / "phantom_slice.tif"), "model": str(nmc),
        "out": str(tmp_path / "o"), "diameter": str(diameter),
    })  # fmt: skip
    engine = PythonEngine(load_model("nmc"), Settings(diameter=diameter))
    ((_, ours),) = engine.predict([phantom()], [0])
    same_particles(tifffile.imread(tmp_path / "o" / "labels.tif"), ours.labels)
    assert np.abs(tifffile.imread(tmp_path / "o" / "dist.tif") - ours.dist).max() < 2e-3


@pytest.mark.parametrize("view", ["xy", "xz", "yz"])
def test_voxels_that_are_no_cubes_give_the_python_engines_particles(session, nmc, tmp_path, view):
    """The phantom slice in one view of a volume with z steps of 0.3 and pixels of 0.2 x 0.1."""
    axis = {"xy": 0, "xz": 1, "yz": 2}[view]
    stack = np.repeat(np.expand_dims(phantom(), axis), 2, axis=axis)
    tifffile.imwrite(tmp_path / "v.tif", stack, imagej=True, resolution=(10, 5),
                     metadata={"axes": "ZYX", "spacing": 0.3, "unit": "micron"})  # fmt: skip
    session.run_groovy(compose("Segment_Views"), {
        "image": str(tmp_path / "v.tif"), "model": str(nmc), "out": str(tmp_path / "o"),
        "views": view, "diameter": "40",
    })  # fmt: skip
    sides = {"xy": (2.0, 1.0), "xz": (3.0, 1.0), "yz": (3.0, 2.0)}[view]
    engine = PythonEngine(load_model("nmc"), Settings(diameter=40, pixel_size=sides))
    ((_, ours),) = engine.predict([phantom()], [0])
    labels = tifffile.imread(tmp_path / "o" / "views" / view / "labels.tif")
    for plane in labels:
        same_particles(plane, ours.labels)


# --- the engine's own routes, and several Fiji instances


@pytest.mark.parametrize("route", ["macro", "text"])
def test_the_engine_by_macro_and_by_text(real_fiji, route, capfd):
    if route == "text":
        uninstall_macros(real_fiji)
    try:
        with FijiEngine(PLUGIN / "bundle.zip", Settings(**THRESHOLDS), heap="2g") as engine:
            ((_, result),) = engine.predict([phantom()], [0])
            facts = engine.versions()
    finally:
        install_macros(real_fiji)
    assert installed_version(real_fiji) == (version(), [])
    assert facts["route"] == route
    assert np.array_equal(result.labels, truth())
    said = capfd.readouterr().err
    assert ("segments by its Particlebridge commands" in said) == (route == "macro")


def test_two_fijis_at_a_time(real_fiji):
    slices = np.stack([np.roll(phantom(), 4 * z, axis=1) for z in range(8)])
    settings = Settings(**THRESHOLDS)
    with FijiEngine(PLUGIN / "bundle.zip", settings, workers=2, heap="1500m") as engine:
        both = [result.labels for _, result in engine.predict(slices, range(8))]
        assert len({session.pid for session, _ in engine._sessions}) == 2
    assert np.array_equal(both[0], truth())
    with FijiEngine(PLUGIN / "bundle.zip", settings, heap="1500m") as engine:
        alone = [result.labels for _, result in engine.predict(slices, range(8))]
    assert np.array_equal(both, alone)
