"""The diameter found is compared with the one that set the scale."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from particlebridge.analysis._shared.views import sampled_slices
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.runs.sections import found_section
from particlebridge.bridge.segmenting.found_diameter import check_found, record_found
from particlebridge.exporter import load_model


def test_sections_are_measured_in_the_unit_of_the_spacing() -> None:
    z, x = np.indices((8, 40))
    plane = (np.hypot((z - 3.5) * 5, x - 19.5) <= 15).astype(np.uint16)
    # View xz: slices along y; rows are five times as far apart as columns.
    assert found_section(np.stack([plane] * 6), "xz", (5, 1, 1)) == pytest.approx(30, rel=0.05)
    assert found_section(np.zeros((6, 8, 40), np.uint16), "xz", (5, 1, 1)) is None
    assert sampled_slices(1) == [0]
    assert len(sampled_slices(500)) == 16


def test_outlines_of_another_size_are_a_warning_with_figures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, network = RunFolder(tmp_path), load_model("nmc")
    logging.getLogger("particlebridge").propagate = True
    record_found(22.0, network, 20.0, run)
    record_found(None, network, 20.0, run)
    assert not caplog.text
    record_found(10.8, network, 20.0, run)
    assert "taken for 20 pixels wide" in caplog.text
    assert "run again with --diameter 10.8" in caplog.text
    held = json.loads((tmp_path / "run.json").read_text())["found_diameter"]
    assert held == {network.digest: {"used": 20.0, "found": 10.8}}


def test_a_model_that_sets_no_scale_is_not_asked(tmp_path: Path) -> None:
    network, run = load_model("nmc"), RunFolder(tmp_path)
    silent = replace(network, record=replace(network.record, diameter=None))
    check_found({}, silent, 20.0, (1, 1, 1), run)
    check_found({}, network, None, (1, 1, 1), run)
    assert "found_diameter" not in run.record
