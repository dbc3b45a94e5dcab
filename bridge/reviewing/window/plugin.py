"""What napari's own menus offer: opening a run folder, and a generated electrode (napari.yaml)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from particlebridge.analysis import electrode
from particlebridge.analysis._shared.views import view_axes

from ...runs.run_folder import RunFolder
from ...volumes.reading import Volume, open_volume
from ..fused_files import find_fused, open_run_volume, open_views
from .strokes import Part

LayerData = tuple[Any, dict[str, Any], str]


def read_run(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Give the reader of a run folder, or of its run.json; None for all else."""
    if not isinstance(path, str):
        return None
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    return (lambda _: _layers(folder)) if (folder / "run.json").is_file() else None


def sample() -> list[LayerData]:
    """Generate an electrode and its true particles; nothing is downloaded."""
    made = electrode((48, 96, 96), seed=1, radius=(6, 10))
    place = {"scale": made.spacing, "units": ("um",) * 3}
    return [
        (made.volume, {"name": "electrode", **place}, "image"),
        (made.labels, {"name": "particles", "opacity": 0.4, **place}, "labels"),
    ]


def _layers(folder: Path) -> list[LayerData]:
    run = RunFolder(folder)
    fused, volume, views = find_fused(run), open_run_volume(run), open_views(run)
    place = placed(volume)
    layers: list[LayerData] = [(volume.data, {"name": "grey values", **place}, "image")]
    if fused.solid.exists():
        solid = open_volume(fused.solid).data
        layers.append((solid, {"name": "solid", "visible": False, **place}, "labels"))
    labels = open_volume(fused.labels, holds="labels").data
    layers.append((labels, {"name": "particles", "opacity": 0.4, **place}, "labels"))
    whole = (0, 0, 0, *volume.data.shape)
    for view, seen in views.items():
        name = {"name": f"seen in {view}", "visible": False, **place}
        layers.append((Part(seen, whole, view_axes(view)), name, "labels"))
    return layers


def placed(volume: Volume[Any]) -> dict[str, Any]:
    """Give the voxel size of a volume as napari's layers take it."""
    unit = "um" if volume.unit == "um" else "pixel"
    return {"scale": volume.spacing, "units": (unit,) * 3}
