"""Commands on volumes, labels and tables."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .options import (
    VOXEL_SIZE,
    FieldOfView,
    Invert,
    Out,
    explaining,
    fusing,
    measuring,
    reading,
    rounds,
    segmenting,
    takes,
    working,
)

app = typer.Typer()


@app.command()
def demo(
    out: Out = Path("demo"),
    train: Annotated[bool, typer.Option("--train", help="Train the model first.")] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Use one small electrode (minutes), to see that it works."),
    ] = False,
) -> None:
    """Run the full pipeline on generated electrodes and write OUT/report.html."""
    from .. import demo as function

    print(function(out, train=train, quick=quick))


@app.command()
@takes(fusing, rounds, measuring, explaining, reading, segmenting, working)
def run(
    volumes: Annotated[list[Path], typer.Argument(help="Volumes, or one table of volumes (.csv).")],
    out: Out,
    **options: Any,
) -> None:
    """Run the full pipeline on volumes: segment, fuse, measure, explain, report.

    Run the same command again to resume.
    """
    from .. import run as function

    print(function(volumes, out, **options))


@app.command()
@takes(reading, segmenting, working, views=None)
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
@takes(fusing, working, format=None)
def fuse(
    folder: Annotated[Path, typer.Argument(help="A run folder with views/*/labels.tif.")],
    volume: Annotated[
        Path | None, typer.Option("--volume", help="Grey values, to refine outlines and find void.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Labels to write (default: FOLDER/labels.tif).", show_default=False
        ),
    ] = None,
    field_of_view: FieldOfView = "auto",
    invert: Invert = False,
    **options: Any,
) -> None:
    """Fuse the views of a run folder into labels of the volume."""
    from .. import fuse_folder

    given = {"field_of_view": field_of_view, "invert": invert, **options}
    print(fuse_folder(folder, volume=volume, out=out, **given))


@app.command()
def split(
    phases: Annotated[Path, typer.Argument(help="Volume of whole numbers, one for each phase.")],
    out: Out,
    phase: Annotated[int, typer.Option("--phase", help="The phase that holds the particles.")] = 1,
    voxel_size: Annotated[Any, VOXEL_SIZE] = None,
) -> None:
    """Split a phase that is segmented already into particles, where it is thin."""
    from .. import split as function

    print(function(phases, out, phase=phase, voxel_size=voxel_size))


@app.command()
def apply_corrections(
    results: Annotated[
        Path, typer.Argument(help="A folder of results of 'particlebridge run' on one or more.")
    ],
) -> None:
    """Make the results again with the corrections of a review.

    The particles as the machine fused them are kept in RESULTS/fused.
    """
    from .. import apply_corrections as function

    print(function(results))


@app.command()
@takes(reading, measuring)
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
    **options: Any,
) -> None:
    """Measure every particle: features.csv, and contacts.csv beside it."""
    from .. import measure_files

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
    measure_files(volume, labels, out, solid=solid, labels_are=labels_are, **options)
    print(out)


@app.command()
def review(
    folder: Annotated[Path, typer.Argument(help="A run folder, with labels.tif or labels.zarr.")],
) -> None:
    """Look at the particles in a window, the least sure first, and correct them.

    Every act is in FOLDER/corrections.jsonl at once.
    """
    from .. import review as function

    function(folder)


@app.command()
@takes(explaining)
def explain(
    tables: Annotated[list[Path], typer.Argument(help="features.csv, one file per state.")],
    out: Out,
    published: Annotated[
        Path | None,
        typer.Option("--published", help="Published ranking to compare with (.csv: f, c10, c50)."),
    ] = None,
    **options: Any,
) -> None:
    """Explain damage with a random forest and SHAP; compare several tables as states."""
    from .. import explain_files

    print(explain_files(tables, out, published=published, **options))


@app.command()
def particle(
    results: Annotated[Path, typer.Argument(help="The folder of a run.")],
    labels: Annotated[list[int], typer.Argument(help="Labels of particles, as in features.csv.")],
) -> None:
    """Show particles closely: RESULTS/particles/LABEL.html.

    Cuts, void along depth and from the surface inwards, features among those of all, contacts,
    the agreement of the views, and SHAP values.
    """
    from .. import particle as function

    for page in function(results, labels):
        print(page)


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
