"""The Fiji engine and its session on a stub, without a Fiji; test_whole_fiji.py has the rest."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from engine_contract import PLUGIN
from particlebridge.analysis import Prediction
from particlebridge.bridge import install_macros, segment
from particlebridge.bridge.engines.protocol import Engine, Failure, Settings
from particlebridge.bridge.fiji import engine as fiji_engine
from particlebridge.bridge.fiji import session as fiji_session
from particlebridge.bridge.fiji.engine import FijiEngine
from particlebridge.bridge.fiji.java_log import what_java_said
from particlebridge.bridge.fiji.parts import read_part
from particlebridge.bridge.fiji.session import FijiSession, heap_option, java_for

WORKER = Path(__file__).parents[2] / "helpers" / "stub_fiji_worker.py"


def fiji_folder(path: Path) -> Path:
    for name in ("jars", "plugins"):
        (path / name).mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="module")
def stub_worker():
    patch = pytest.MonkeyPatch()
    patch.setattr(fiji_session, "_WORKER", (sys.executable, str(WORKER)))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def engine(stub_worker, tmp_path_factory):
    home = fiji_folder(tmp_path_factory.mktemp("fiji") / "Fiji.app")
    with FijiEngine(PLUGIN / "bundle.zip", Settings(prob_thresh=0.8), fiji=home) as running:
        yield running


def seeded(z: int, mark: int = 0) -> np.ndarray:
    """Draw one particle of radius 6 + z at (20, 15 + z); the first pixel is for the stub."""
    image = np.full((40, 50), 10, np.uint8)
    image[20, 15 + z] = 206 + z
    image[0, 0] = mark
    return image


def assert_particle(result: Prediction | Failure, z: int) -> None:
    assert isinstance(result, Prediction), result
    assert result.labels[20, 15 + z] == 1
    assert np.count_nonzero(result.labels) == pytest.approx(np.pi * (6 + z) ** 2, rel=0.08)
    assert result.polygons.points.tolist() == [[20, 15 + z]]
    assert result.polygons.prob[0] == pytest.approx((206 + z) / 256)
    assert result.polygons.dist[0] == pytest.approx(6 + z)
    assert result.dist[20, 15 + z] == pytest.approx(6 + z)


def test_it_is_an_engine_and_slices_come_in_the_callers_order(engine):
    assert isinstance(engine, Engine)
    results = list(engine.predict([seeded(z) for z in range(4)], [2, 0, 3]))
    assert [index for index, _ in results] == [2, 0, 3]
    for index, result in results:
        assert_particle(result, index)
    assert engine.versions()["engine"] == "fiji"
    assert list(engine.predict([seeded(0)], [])) == []


def test_one_jvm_serves_all_calls(engine):
    list(engine.predict([seeded(0)], [0]))
    first = engine._sessions[0][0].pid
    list(engine.predict([seeded(1)], [0]))
    assert engine._sessions[0][0].pid == first


def test_a_poisoned_slice_is_named_and_the_others_are_kept(engine):
    slices = [seeded(z, mark=251 if z == 2 else 0) for z in range(5)]
    results = dict(engine.predict(slices, range(5)))
    assert isinstance(results[2], Failure)
    assert "ended twice at this slice" in results[2].reason
    for z in (0, 1, 3, 4):
        assert_particle(results[z], z)


def test_a_slice_at_which_stardist_fails_is_named(engine):
    slices = [seeded(z, mark=252 if z == 1 else 0) for z in range(4)]
    results = dict(engine.predict(slices, range(4)))
    assert isinstance(results[1], Failure)
    assert "NullPointerException" in results[1].reason
    for z in (0, 2, 3):
        assert_particle(results[z], z)


def test_where_the_first_slices_all_fail_the_rest_is_not_tried(engine):
    results = dict(engine.predict([seeded(z, mark=252) for z in range(6)], range(6)))
    assert all(isinstance(result, Failure) for result in results.values())
    assert "NullPointerException" in results[0].reason
    assert ["not tried" in results[z].reason for z in range(6)] == [False] * 3 + [True] * 3


def test_a_bad_slice_never_reaches_fiji(engine):
    broken = seeded(0).astype(np.float32)
    broken[3, 3] = np.nan
    results = dict(engine.predict([broken, seeded(1), np.zeros((4, 4, 3))], [0, 1, 2]))
    assert "NaN" in results[0].reason
    assert_particle(results[1], 1)
    assert "grey images" in results[2].reason


def test_several_fijis_share_a_call_and_one_may_die(stub_worker, tmp_path, monkeypatch):
    home = fiji_folder(tmp_path / "Fiji.app")
    # The second Fiji has the odd slices, and waits in its first until it has been killed.
    go = tmp_path / "go"
    monkeypatch.setenv("PARTICLEBRIDGE_STUB_GO", str(go))
    slices = [seeded(z % 8, mark=255 if z % 2 else 0) for z in range(12)]
    settings = Settings(prob_thresh=0.8)
    with FijiEngine(PLUGIN / "bundle.zip", settings, fiji=home, workers=2) as engine:
        results = {}
        for index, result in engine.predict(slices, range(12)):
            results[index] = result
            if index == 0:
                pids = [session.pid for session, _ in engine._sessions]
                os.kill(pids[1], signal.SIGKILL)
                go.touch()
        assert len(set(pids)) == 2
        assert list(results) == list(range(12))
        for z, result in results.items():
            assert_particle(result, z % 8)
        sessions = [session for session, _ in engine._sessions]
        assert all(session.alive for session in sessions)
    assert not any(session.alive for session in sessions)


def test_a_fiji_does_not_wait_for_another_one_that_still_starts(stub_worker, tmp_path, monkeypatch):
    home = fiji_folder(tmp_path / "Fiji.app")
    asked = threading.Event()
    settings = Settings(prob_thresh=0.8)
    with FijiEngine(PLUGIN / "bundle.zip", settings, fiji=home, workers=2) as engine:
        # As with model.onnx: what computes the network is then asked of Fiji.
        engine._has_onnx = True
        first, second = (session for session, _ in engine._sessions)
        start, run_groovy = first.start, second.run_groovy

        def start_late():
            assert asked.wait(60)
            return start()

        def tell_and_run(text, arguments):
            asked.set()
            run_groovy(text, arguments)

        monkeypatch.setattr(first, "start", start_late)
        monkeypatch.setattr(second, "run_groovy", tell_and_run)
        results = dict(engine.predict([seeded(z) for z in range(2)], range(2)))
    for z in range(2):
        assert_particle(results[z], z)


def test_no_fiji_at_all_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one Fiji instance is needed"):
        FijiEngine(PLUGIN / "bundle.zip", fiji=fiji_folder(tmp_path), workers=0)


@pytest.mark.parametrize("route", ["macro", "text"])
def test_the_commands_run_as_macro_where_installed_and_as_text_otherwise(
    stub_worker, tmp_path, capfd, route
):
    home = fiji_folder(tmp_path / "Fiji.app")
    if route == "macro":
        install_macros(home)
    settings = Settings(prob_thresh=0.8, pixel_size=(1.0, 1.0))
    with FijiEngine(PLUGIN / "bundle.zip", settings, fiji=home) as engine:
        requests = []
        ask = engine._sessions[0][0]._ask
        engine._sessions[0][0]._ask = lambda request, *more: requests.append(request) or ask(
            request, *more
        )
        for z, (index, result) in enumerate(
            engine.predict([seeded(z) for z in range(3)], range(3))
        ):
            assert index == z
            assert_particle(result, z)
        assert engine.versions()["route"] == route
    kinds = [request["do"] for request in requests if request["do"] != "start"]
    assert kinds == ["macro" if route == "macro" else "groovy"]
    said = capfd.readouterr().err
    assert ("segments by its Particlebridge commands" in said) == (route == "macro")
    assert ("they are sent as text" in said) == (route == "text")


def test_a_long_call_goes_in_pieces(engine, monkeypatch):
    monkeypatch.setattr(fiji_engine, "_CALL_BYTES", 3 * seeded(0).nbytes)
    before = engine._calls
    results = list(engine.predict([seeded(z) for z in range(7)], range(7)))
    assert engine._calls - before == 3
    assert [index for index, _ in results] == list(range(7))
    for z, result in results:
        assert_particle(result, z)


def test_a_segmentation_ends_its_fiji(stub_worker, tmp_path, monkeypatch):
    started = []
    close = FijiEngine.close
    monkeypatch.setattr(FijiEngine, "close", lambda self: started.append(self) or close(self))
    tifffile.imwrite(tmp_path / "a.tif", seeded(2))
    home = fiji_folder(tmp_path / "Fiji.app")
    segment(tmp_path / "a.tif", tmp_path / "out", model=PLUGIN / "bundle.zip", engine="fiji",
            fiji=str(home), prob_thresh=0.8)  # fmt: skip
    assert tifffile.imread(tmp_path / "out" / "labels.tif").max() == 1
    assert started
    assert not any(session.alive for engine in started for session, _ in engine._sessions)


def test_kill_9_in_the_midst_gives_the_same_result(engine):
    slices = [seeded(z % 8, mark=254) for z in range(24)]
    whole = dict(engine.predict(slices, range(24)))
    killed = []
    results = {}
    for index, result in engine.predict(slices, range(24)):
        results[index] = result
        if index == 3:
            killed.append(engine._sessions[0][0].pid)
            os.kill(killed[0], signal.SIGKILL)
    assert engine._sessions[0][0].pid != killed[0]
    for z in range(24):
        assert np.array_equal(results[z].labels, whole[z].labels)
        assert np.array_equal(results[z].prob, whole[z].prob)


def test_a_consumer_that_stops_leaves_no_java_behind(engine):
    for _ in engine.predict([seeded(0, mark=253 if z else 0) for z in range(3)], range(3)):
        pid = engine._sessions[0][0].pid
        break
    while psutil.pid_exists(pid):  # pytest's own timeout ends this
        time.sleep(0.1)


def test_results_are_rescaled_to_full_size(stub_worker, engine, tmp_path):
    image = np.full((80, 100), 10, np.float32)
    image[38:44, 46:52] = 208
    home = fiji_folder(tmp_path / "Fiji.app")
    settings = Settings(prob_thresh=0.8, pixel_size=(0.5, 0.5))
    with FijiEngine(PLUGIN / "bundle.zip", settings, fiji=home) as halved:
        ((_, result),) = halved.predict([image], [0])
    assert isinstance(result, Prediction), result
    assert result.labels.shape == (80, 100)
    assert np.allclose(result.polygons.points[0], (40.5, 48.5), atol=1)
    assert result.polygons.dist[0] == pytest.approx(2 * 8, rel=0.05)


def test_a_fiji_that_does_not_start_is_one_sentence(tmp_path, monkeypatch):
    code = "import sys; print('java.lang.OutOfMemoryError: heap', file=sys.stderr)"
    monkeypatch.setattr(fiji_session, "_WORKER", (sys.executable, "-c", code))
    with (
        FijiEngine(PLUGIN / "bundle.zip", fiji=fiji_folder(tmp_path)) as engine,
        pytest.raises(RuntimeError, match="ran out of memory"),
    ):
        list(engine.predict([seeded(0)], [0]))


def test_a_session_that_hangs_is_ended(tmp_path, monkeypatch):
    code = "import time; time.sleep(600)"
    monkeypatch.setattr(fiji_session, "_WORKER", (sys.executable, "-c", code))
    session = FijiSession(fiji_folder(tmp_path))
    with pytest.raises(TimeoutError, match="within 1 s and was ended"):
        session.start(timeout=1)
    assert not session.alive


def test_the_worker_ends_with_its_parent(stub_worker, tmp_path):
    session = FijiSession(fiji_folder(tmp_path))
    session.start()
    process = session._process
    process.stdin.close()
    assert process.wait(20) == 0
    session.kill()
    assert not [t for t in threading.enumerate() if t in session._threads and t.is_alive()]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["a", "[particlebridge] ERROR Segment View: /m.zip: there is no such model.", "x"],
         "Segment View: /m.zip: there is no such model."),
        (["java.lang.OutOfMemoryError: Java heap space"], "ran out of memory"),
        (["java.lang.ClassCastException: AppClassLoader cannot be cast to java.net.URLClassLoader"],
         "imagej-tensorflow 1.1.8 or older"),
        (["java.lang.UnsatisfiedLinkError: no tensorflow_jni"], "native TensorFlow"),
        (["java.awt.HeadlessException"], "needed a window"),
        (["# A fatal error has been detected by the Java Runtime Environment:"],
         "crashed in native"),
        (["java.lang.NullPointerException: splitPrediction", "\tat a.b"],
         "NullPointerException: splitPrediction"),
        (["starting", "all is well"], ""),
    ],
)  # fmt: skip
def test_what_java_said_becomes_one_sentence(lines, sentence):
    said = what_java_said(lines)
    assert sentence in said
    assert bool(said) == bool(sentence)
    assert "\n" not in said


def test_the_heap_is_checked(monkeypatch):
    monkeypatch.delenv("PARTICLEBRIDGE_HEAP", raising=False)
    assert heap_option("8g") == "-Xmx8g"
    assert heap_option() == "-XX:MaxRAMPercentage=50"
    assert heap_option(share=4) == "-XX:MaxRAMPercentage=12.5"
    with pytest.raises(ValueError, match="8g or 900m"):
        heap_option("much")


def test_fijis_own_java_is_taken_unless_java_home_says_otherwise(tmp_path, monkeypatch):
    home = fiji_folder(tmp_path)
    release = home / "java" / "linux64" / "zulu21" / "release"
    release.parent.mkdir(parents=True)
    release.write_text('JAVA_VERSION="21.0.7"\n')
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert java_for(fiji_session.find_fiji(home)).home == release.parent
    release.write_text('JAVA_VERSION="1.8.0_322"\n')
    assert java_for(fiji_session.find_fiji(home)).version >= 11


def test_damaged_parts_are_refused(tmp_path):
    path = tmp_path / "00000.pbp"
    for content in (b"", b"PBP1" + bytes(100), bytes(28), np.int32([0x31504250, 9, 9, 9, 9, 0, 0])):
        path.write_bytes(bytes(content))
        with pytest.raises(ValueError, match=r"is damaged|is not a finished slice"):
            read_part(path)


def test_a_network_from_a_bundle_asks_for_the_bundle(tmp_path):
    from particlebridge.exporter import load_model

    network = load_model(PLUGIN / "bundle.zip")
    with pytest.raises(ValueError, match="give Fiji the bundle"):
        FijiEngine(network, fiji=fiji_folder(tmp_path))
