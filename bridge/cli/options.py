"""Options that several commands share, and how their texts are read."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..volumes.voxel_size import parse_voxel_size


def _spacing(text: str) -> tuple[float, float, float]:
    try:
        return parse_voxel_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _percentiles(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not LO,HI, such as 1,99.8") from None
    if not 0 <= low < high <= 100:
        raise typer.BadParameter(f"percentiles must rise within 0 to 100, not {text}")
    return low, high


def _views(text: str) -> tuple[str, ...]:
    views = tuple(part.strip() for part in text.split(","))
    if not views or set(views) - {"xy", "xz", "yz"} or len(set(views)) < len(views):
        raise typer.BadParameter(f"'{text}' is not a list of views out of xy,xz,yz")
    return views


def _model(text: str) -> str | dict[str, str]:
    if not text.startswith(("xy=", "xz=", "yz=")):
        return text
    models = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    if set(models) - {"xy", "xz", "yz"}:
        raise typer.BadParameter(f"'{text}' is not xy=M1,xz=M2,yz=M3")
    return models


Out = Annotated[Path, typer.Option("--out", help="Folder for the results.")]
VoxelSize = Annotated[
    Any,
    typer.Option(
        "--voxel-size",
        parser=_spacing,
        metavar="Z,Y,Xum",
        help="Size in micrometres, one number for cubes (default: from the file).",
    ),
]
Model = Annotated[
    Any,
    typer.Option(
        "--model",
        parser=_model,
        metavar="M | xy=M1,xz=M2,yz=M3",
        help="Name of the shipped model, StarDist folder, bundle.zip or .onnx.",
    ),
]
Views = Annotated[
    Any, typer.Option("--views", parser=_views, metavar="xy,xz,yz", help="Views to segment.")
]
EngineOption = Annotated[
    Literal["python", "fiji"],
    typer.Option("--engine", help="Run the network in Python or in Fiji."),
]
Fiji = Annotated[
    str | None,
    typer.Option("--fiji", help="Fiji's folder, or net.imagej:ij (plain ImageJ)."),
]
FijiWorkers = Annotated[
    int, typer.Option("--fiji-workers", min=1, help="Number of parallel Fiji instances.")
]
Diameter = Annotated[
    float | None,
    typer.Option(
        "--diameter", min=1, metavar="PX", help="Typical particle diameter (default: estimated)."
    ),
]
ProbThresh = Annotated[
    float | None,
    typer.Option(
        "--prob-thresh", min=0, max=1, help="Probability threshold (default: the model's)."
    ),
]
NmsThresh = Annotated[
    float | None,
    typer.Option("--nms-thresh", min=0, max=1, help="Overlap threshold (default: the model's)."),
]
Percentiles = Annotated[
    Any,
    typer.Option(
        "--percentiles",
        parser=_percentiles,
        metavar="LO,HI",
        help="For normalisation (default: the model's).",
    ),
]
NumericsOption = Annotated[
    Literal["plugin", "stardist"],
    typer.Option("--numerics", help="Rules of the Fiji plugin or of StarDist in Python."),
]
BackendOption = Annotated[
    Literal["auto", "onnx", "tensorflow"],
    typer.Option("--backend", help="auto: ONNX Runtime if the model holds model.onnx."),
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="auto: an Nvidia GPU if onnxruntime-gpu finds one."),
]
MethodOption = Annotated[
    Literal["consensus", "flow", "paper"], typer.Option("--method", help="How to fuse the views.")
]
Downscale = Annotated[
    float | None,
    typer.Option("--downscale", help="Scale for method paper (published: 0.25)."),
]
MinVoxels = Annotated[
    int | None,
    typer.Option(
        "--min-voxels", help="Smallest particle for method paper, at that scale (default: 2001)."
    ),
]
FormatOption = Annotated[
    Literal["tiff", "zarr"],
    typer.Option("--format", help="Use zarr for volumes larger than memory."),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="local|HOST:PORT|slurm", help="Run on Dask workers."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes to start with local or slurm.")
]
Memory = Annotated[
    str | None, typer.Option("--memory", metavar="8GB", help="Memory limit of each process.")
]
FieldOfView = Annotated[
    str,
    typer.Option(
        "--field-of-view",
        metavar="auto|none|FILE",
        help="FILE is a mask: 0 is outside (default: auto).",
    ),
]
RecipeOption = Annotated[
    Literal["physical", "paper", "both"],
    typer.Option("--recipe", help="How to compute features; paper: exactly as published."),
]
Ball = Annotated[
    float | None,
    typer.Option(
        "--ball",
        metavar="UM",
        help="Radius for closing solids and for Contact's ring (default: 0.7).",
    ),
]
DensityReach = Annotated[
    float | None,
    typer.Option(
        "--density-reach",
        metavar="UM",
        help="Distance around a particle used by PDensity (default: 10).",
    ),
]
FeaturesOption = Annotated[
    Literal["drivers", "paper"], typer.Option("--features", help="Features to explain damage with.")
]


def segmenting(
    voxel_size: VoxelSize = None,
    model: Model = "nmc",
    views: Views = "xy,xz,yz",
    engine: EngineOption = "python",
    fiji: Fiji = None,
    fiji_workers: FijiWorkers = 1,
    diameter: Diameter = None,
    prob_thresh: ProbThresh = None,
    nms_thresh: NmsThresh = None,
    percentiles: Percentiles = None,
    numerics: NumericsOption = "plugin",
    backend: BackendOption = "auto",
    device: DeviceOption = "auto",
    field_of_view: FieldOfView = "auto",
    format: FormatOption = "tiff",
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = None,
) -> None:
    """Name the options of whatever segments; `takes` gives them to a command."""


def takes(shared: Callable[..., Any], **defaults: Any) -> Callable[..., Any]:
    """Let a command's ``**options`` be the parameters of another function.

    Parameters
    ----------
    shared
        Its parameters become options of the command; they arrive in ``**options``.
    defaults
        Where the command's own defaults differ.
    """
    added = [
        p.replace(default=defaults.get(p.name, p.default), kind=p.KEYWORD_ONLY)
        for p in inspect.signature(shared, eval_str=True).parameters.values()
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = [
            p.replace(kind=p.KEYWORD_ONLY)
            for p in inspect.signature(command, eval_str=True).parameters.values()
            if p.kind is not p.VAR_KEYWORD
        ]
        parameters = [*own, *added]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def runtimes_of(text: str) -> tuple[str, ...]:
    """Read "1.15.0,1.12.0"."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
