"""Options that several commands share: a function of each group names them."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .readers import every_of, model_of, percentiles_of, smooth_of, spacing_of, views_of

Out = Annotated[Path, typer.Option("--out", help="Folder for the results.")]
FieldOfView = Annotated[
    str,
    typer.Option(
        "--field-of-view",
        metavar="auto|none|FILE",
        help="What was measured; FILE is a mask, 0 is outside.",
    ),
]
VOXEL_SIZE = typer.Option(
    "--voxel-size",
    parser=spacing_of,
    metavar="Z,Y,Xum",
    help="Size in micrometres, one number for cubes (default: from the file).",
)
Invert = Annotated[
    bool, typer.Option("--invert", help="Particles are darker than what is around them.")
]
Fiji = Annotated[
    str | None,
    typer.Option("--fiji", help="Fiji's folder, or net.imagej:ij (plain ImageJ)."),
]
VoxelSize = Annotated[
    Any,
    typer.Option(
        "--voxel-size",
        parser=spacing_of,
        metavar="Z,Y,Xum",
        help="Size in micrometres, one number for cubes (default: from the file).",
    ),
]


def reading(
    voxel_size: Annotated[Any, VOXEL_SIZE] = None,
    field_of_view: FieldOfView = "auto",
    invert: Invert = False,
) -> None:
    """Name the options of `ReadOptions`."""


def segmenting(
    model: Annotated[
        Any,
        typer.Option(
            "--model",
            parser=model_of,
            metavar="M | xy=M1,xz=M2,yz=M3",
            help="Name of the shipped model, StarDist folder, bundle.zip or .onnx.",
        ),
    ] = "nmc",
    views: Annotated[
        Any, typer.Option("--views", parser=views_of, metavar="xy,xz,yz", help="Views to segment.")
    ] = "xy,xz,yz",
    engine: Annotated[
        Literal["python", "fiji"],
        typer.Option("--engine", help="Run the network in Python or in Fiji."),
    ] = "python",
    fiji: Fiji = None,
    fiji_workers: Annotated[
        int, typer.Option("--fiji-workers", min=1, help="Number of parallel Fiji instances.")
    ] = 1,
    diameter: Annotated[
        float | None,
        typer.Option(
            "--diameter",
            min=1,
            metavar="PX",
            help="Typical particle diameter (default: estimated).",
        ),
    ] = None,
    smooth: Annotated[
        Any,
        typer.Option(
            "--smooth",
            parser=smooth_of,
            metavar="auto|SIGMA",
            help="Blur slices before the network, pixels (auto: by the measured noise).",
        ),
    ] = None,
    every: Annotated[
        Any,
        typer.Option(
            "--every",
            parser=every_of,
            metavar="N|auto",
            help="Segment one of N slices of each view (auto: by the diameter).",
        ),
    ] = "1",
    prob_thresh: Annotated[
        float | None,
        typer.Option(
            "--prob-thresh", min=0, max=1, help="Probability threshold (default: the model's)."
        ),
    ] = None,
    nms_thresh: Annotated[
        float | None,
        typer.Option(
            "--nms-thresh", min=0, max=1, help="Overlap threshold (default: the model's)."
        ),
    ] = None,
    percentiles: Annotated[
        Any,
        typer.Option(
            "--percentiles",
            parser=percentiles_of,
            metavar="LO,HI",
            help="For normalisation (default: the model's).",
        ),
    ] = None,
    numerics: Annotated[
        Literal["plugin", "stardist"],
        typer.Option("--numerics", help="Rules of the Fiji plugin or of StarDist in Python."),
    ] = "plugin",
    backend: Annotated[
        Literal["auto", "onnx", "tensorflow"],
        typer.Option(
            "--backend",
            help="auto: ONNX Runtime if the model holds model.onnx; in Fiji tensorflow is "
            "the StarDist plugin.",
        ),
    ] = "auto",
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option("--device", help="auto: an Nvidia GPU if onnxruntime-gpu finds one."),
    ] = "auto",
) -> None:
    """Name the options of `SegmentOptions` and `Settings`."""


def fusing(
    method: Annotated[
        Literal["consensus", "flow", "paper"],
        typer.Option("--method", help="How to fuse the views."),
    ] = "consensus",
    downscale: Annotated[
        float | None, typer.Option("--downscale", help="Scale for method paper (published: 0.25).")
    ] = None,
    min_voxels: Annotated[
        int | None,
        typer.Option(
            "--min-voxels",
            help="Smallest particle for method paper, at that scale (default: 2001).",
        ),
    ] = None,
) -> None:
    """Name the options of `FuseOptions`."""


def rounds(
    rounds: Annotated[
        int,
        typer.Option("--rounds", min=1, max=2, help="2: segment again inside the fused particles."),
    ] = 1,
) -> None:
    """Name an option of `RunOptions`."""


def measuring(
    recipe: Annotated[
        Literal["physical", "paper", "both"],
        typer.Option("--recipe", help="How to compute features; paper: exactly as published."),
    ] = "physical",
    ball: Annotated[
        float | None,
        typer.Option(
            "--ball",
            metavar="UM",
            help="Radius for closing solids and for Contact's ring (default: 0.7).",
        ),
    ] = None,
    density_reach: Annotated[
        float | None,
        typer.Option(
            "--density-reach",
            metavar="UM",
            help="Distance around a particle used by PDensity (default: 10).",
        ),
    ] = None,
) -> None:
    """Name the options of `MeasureOptions`."""


def explaining(
    features: Annotated[
        Literal["drivers", "paper"],
        typer.Option("--features", help="Features to explain damage with."),
    ] = "drivers",
) -> None:
    """Name the option of what explains damage."""


def working(
    format: Annotated[
        Literal["tiff", "zarr"] | None,
        typer.Option("--format", help="Use zarr for volumes larger than memory."),
    ] = "tiff",
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="local|HOST:PORT|slurm", help="Run on Dask workers."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes to start with local or slurm.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", metavar="8GB", help="Memory limit of each process.")
    ] = None,
) -> None:
    """Name the options of `WorkOptions`."""


def takes(*shared: Callable[..., Any], **defaults: Any) -> Callable[..., Any]:
    """Let a command's ``**options`` be the parameters of other functions.

    Parameters
    ----------
    shared
        Their parameters become options of the command; they arrive in ``**options``.
    defaults
        Where the command's own defaults differ.
    """
    added = [
        p.replace(default=defaults.get(p.name, p.default), kind=p.KEYWORD_ONLY)
        for function in shared
        for p in inspect.signature(function, eval_str=True).parameters.values()
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
