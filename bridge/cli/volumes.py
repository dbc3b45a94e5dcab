"""Commands on volumes, labels and tables."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .options import (
    Ball,
    DensityReach,
    Downscale,
    FeaturesOption,
    FieldOfView,
    Memory,
    MethodOption,
    MinVoxels,
    Out,
    RecipeOption,
    Scheduler,
    VoxelSize,
    Workers,
    segmenting,
    takes,
)

app = typer.Typer()


@app.command()
def demo(
    out: Out = Path("demo"),
    train: Annotated[bool, typer.Option("--train", help="Train the model first.")] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Use one small electrode (a minute), to see that it works."),
    ] = False,
) -> None:
    """Run the full pipeline on generated electrodes and write OUT/report.html."""
    from .. import demo as function

    print(function(out, train=train, quick=quick))


@app.command()
@takes(segmenting)
def run(
    volumes: Annotated[list[Path], typer.Argument(help="Volumes, or one SHEET.csv.")],
    out: Out,
    method: MethodOption = "consensus",
    downscale: Downscale = None,
    min_voxels: MinVoxels = None,
    rounds: Annotated[
        int,
        typer.Option("--rounds", min=1, max=2, help="2: segment again inside the fused particles."),
    ] = 1,
    recipe: RecipeOption = "physical",
    ball: Ball = None,
    density_reach: DensityReach = None,
    features: FeaturesOption = "drivers",
    **options: Any,
) -> None:
    """Run the full pipeline on volumes: segment, fuse, measure, explain, report.

    Run the same command again to resume.
    """
    from .. import run as function

    report = function(
        volumes,
        out,
        method=method,
        downscale=downscale,
        min_voxels=min_voxels,
        rounds=rounds,
        recipe=recipe,
        ball=ball,
        density_reach=density_reach,
        features=features,
        **options,
    )
    print(report)


@app.command()
@takes(segmenting, views=None)
def segment(
    source: Annotated[Path, typer.Argument(help="An image, a folder of images, or a volume.")],
    out: Out,
    dims: Annotated[
        int, typer.Option("--dims", min=2, max=3, help="3: use a StarDist 3D model, without views.")
    ] = 2,
    **options: Any,
) -> None:
    """Find the particles of images, or of a volume's views.

    A folder holds single images. With --views its images are the slices of one volume.
    """
    from .. import segment as function

    function(source, out, dims=dims, **options)
    print(out)


@app.command()
def fuse(
    folder: Annotated[Path, typer.Argument(help="A run folder with views/*/labels.tif.")],
    volume: Annotated[
        Path | None, typer.Option("--volume", help="Grey values, to refine outlines and find void.")
    ] = None,
    method: MethodOption = "consensus",
    downscale: Downscale = None,
    min_voxels: MinVoxels = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Labels to write (default: FOLDER/labels.tif).", show_default=False
        ),
    ] = None,
    field_of_view: FieldOfView = "auto",
    format: Annotated[
        Literal["tiff", "zarr"] | None, typer.Option("--format", help="Default: that of the views.")
    ] = None,
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = None,
) -> None:
    """Fuse the views of a run folder into labels of the volume."""
    from .. import fuse as function

    target = function(
        folder,
        volume=volume,
        method=method,
        downscale=downscale,
        min_voxels=min_voxels,
        out=out,
        field_of_view=field_of_view,
        format=format,
        scheduler=scheduler,
        workers=workers,
        memory=memory,
    )
    print(target)


@app.command()
def measure(
    volume: Annotated[Path, typer.Argument(help="Grey values.")],
    labels: Annotated[Path, typer.Argument(help="Labels of the same shape; 0 is background.")],
    out: Annotated[Path, typer.Option("--out", help="Table to write, such as features.csv.")],
    solid: Annotated[
        Path | None,
        typer.Option("--solid", help="Mask of material (default: the one beside LABELS)."),
    ] = None,
    labels_are: Annotated[
        Literal["body", "solid"] | None,
        typer.Option("--labels-are", help="What LABELS hold if there is no solid mask."),
    ] = None,
    voxel_size: VoxelSize = None,
    recipe: RecipeOption = "physical",
    ball: Ball = None,
    density_reach: DensityReach = None,
    field_of_view: FieldOfView = "auto",
) -> None:
    """Measure every particle: features.csv, and contacts.csv beside it."""
    from .. import measure as function

    if solid is not None and labels_are is not None:
        raise typer.BadParameter("--solid and --labels-are exclude each other")
    if solid is None and labels_are is None:
        from ..volumes.label_records import companion

        beside = companion(labels, "solid")
        if not beside.exists():
            raise typer.BadParameter(
                f"there is no {beside}: name the mask with --solid, or say with --labels-are "
                "whether LABELS hold whole particles (cracks included) or only their material"
            )
    function(
        volume,
        labels,
        out,
        solid=solid,
        labels_are=labels_are,
        voxel_size=voxel_size,
        recipe=recipe,
        ball=ball,
        density_reach=density_reach,
        field_of_view=field_of_view,
    )
    print(out)


@app.command()
def explain(
    tables: Annotated[list[Path], typer.Argument(help="features.csv, one file per state.")],
    out: Out,
    features: FeaturesOption = "drivers",
) -> None:
    """Explain damage with a random forest and SHAP; compare several tables as states."""
    from .. import explain as function

    print(function(tables, out, features=features))


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="Labels taken as the truth.")],
    b: Annotated[Path, typer.Argument(help="Labels compared with them.")],
) -> None:
    """Score one label file against another: F1, splits, merges, and which objects changed."""
    from .. import compare as function
    from .console import show_pairs

    found = function(a, b)
    show_pairs((name, f"{value:.4g}") for name, value in found.as_row().items())
    first, second = a.name, b.name
    if first == second:  # as the labels.tif of two runs; a whole path would be cut off
        first, second = (f"{file.resolve().parent.name}/{file.name}" for file in (a, b))
    show_pairs(
        (f"without a partner in {other}", _few(numbers.tolist()))
        for other, numbers in ((second, found.lost), (first, found.new))
    )


def _few(numbers: list[int], most: int = 20) -> str:
    """List the first numbers and count the rest."""
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return (", ".join(map(str, numbers[:most])) or "none") + more
