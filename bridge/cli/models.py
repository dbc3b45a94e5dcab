"""Commands on models: train, export, verify, inspect."""

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from particlebridge.analysis._shared.views import VIEWS

from .options import VoxelSize
from .readers import runtimes_of, views_of

app = typer.Typer()

Bundle = Annotated[Path, typer.Argument(help="A file from `export`, or a zip from another source.")]
Inspected = Annotated[
    Path, typer.Argument(help="A zip from `export` or from another source, or a model folder.")
]
Runtimes = Annotated[
    Any, typer.Option("--runtimes", parser=runtimes_of, metavar="1.15.0,1.12.0",
                      help="TensorFlow versions for Java, from Maven Central.")
]  # fmt: skip


@app.command()
def train(
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.")],
    images: Annotated[
        str | None,
        typer.Option("--images", help="Training images: a glob or a file; with --views a volume."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help="Annotations, a file or a glob: label images, VIA, COCO, rois.zip, ..."
        ),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--corrections",
            metavar="RESULTS",
            help="In place of --images and --labels: a run folder whose particles were reviewed.",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Model to fine-tune: a folder or a name.")
    ] = None,
    dims: Annotated[int, typer.Option("--dims", min=2, max=3, help="3: train StarDist3D.")] = 2,
    views: Annotated[
        Any,
        typer.Option(
            "--views",
            parser=views_of,
            metavar="xy,xz,yz",
            help="Train on these slices of one labelled volume, in any format that `run` reads "
            "(default with --corrections: all three).",
        ),
    ] = None,
    voxel_size: VoxelSize = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Epochs (default: 50).")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Steps per epoch (default: 100).")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", help="Seed of weights, patches and augmentation.")
    ] = 42,
    diameter: Annotated[
        float | None,
        typer.Option(
            "--diameter",
            min=1,
            help="Rescale images to this typical particle diameter, pixels "
            "(default: that of --from; otherwise images keep their scale).",
        ),
    ] = None,
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="Take the settings of the paper's notebook: no augmentation, all epochs.",
        ),
    ] = False,
) -> None:
    """Train a StarDist model on annotated images.

    Run the same command again to resume. OUT/training.html shows the losses, F1 on unseen and on
    held-out images, and the worst examples.
    """
    from dataclasses import replace

    from particlebridge.exporter import TrainOptions
    from particlebridge.exporter import train as function

    from .._shared.progress import notice
    from .console import training_progress

    kind = TrainOptions.published if published else TrainOptions.augmented
    usual = kind(dims)
    chosen = replace(
        usual, epochs=epochs or usual.epochs, steps=steps or usual.steps, diameter=diameter
    )
    if (corrections is None) == (images is None or labels is None):
        raise typer.BadParameter("give --images and --labels, or --corrections alone")
    given: dict[str, Any] = {"images": images, "labels": labels}
    if corrections is not None:
        from ..reviewing.training_labels import corrected_volume

        if images is not None or labels is not None or voxel_size is not None:
            raise typer.BadParameter("--corrections says which volume; leave out what else does")
        given = corrected_volume(corrections).as_training(views or VIEWS)
    elif views is not None:
        assert images is not None and labels is not None
        from ..volumes.labelled import read_labelled_volume

        given = read_labelled_volume(images, labels, voxel_size).as_training(views)
    elif voxel_size is not None:
        raise typer.BadParameter("--voxel-size is that of a volume; name its --views, too")
    with training_progress() as show:
        result = function(
            **given, out=out, start=start, dims=dims, options=chosen, seed=seed, progress=show,
            notice=notice,
        )  # fmt: skip
    print(result.path)


@app.command()
def export(
    model: Annotated[
        str, typer.Argument(help="StarDist or CARE folder, or the name of a registered model.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write (default: NAME.zip for Fiji).")
    ] = None,
    to: Annotated[
        Literal["fiji", "onnx", "qupath", "bioimageio"],
        typer.Option("--to", help="Who reads it (bioimageio: the BioImage Model Zoo)."),
    ] = "fiji",
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not run the file in its reader.")
    ] = False,
    runtimes: Runtimes = "1.15.0",
) -> None:
    """Write a model for Fiji or another reader, and a .verify.json with the proof beside it."""
    from particlebridge.exporter import export as function

    from .._shared.progress import inform, notice

    with warnings.catch_warnings():
        # The same sentences are in `notices`.
        warnings.simplefilter("ignore", UserWarning)
        done = function(model, out, to=to, verify=not no_verify, runtimes=runtimes)
    for text in done.notices:
        notice(text)
    if done.verification is None:
        notice(f"not verified, as --no-verify asks; {done.proof} says so")
    elif done.status == "verified":
        inform(f"verified; proof in {done.proof}")
    else:
        notice(f"unverified; {done.proof} says why")
    for path in (done.path, *done.beside):
        print(path)


@app.command()
def verify(
    bundle: Bundle,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Model it was made from (default: the file itself in TF 2 or ONNX).",
        ),
    ] = None,
    runtimes: Runtimes = "1.15.0,1.12.0",
) -> None:
    """Run what export wrote in its reader (Fiji's TensorFlow 1.x, ...); compare with Keras."""
    from particlebridge.exporter import verify as function

    from .console import show_table

    done = function(bundle, model, runtimes)
    show_table(done.table(), f"{done.bundle} against {done.reference}, Java {done.java}")
    if done.status != "verified":
        raise RuntimeError(f"{bundle}: {done.status}; see the table")


@app.command()
def inspect(bundle: Inspected) -> None:
    """Show what a bundle or a model folder holds, and whether Fiji loads it."""
    from particlebridge.exporter import inspect as function

    from .console import show_pairs

    found = function(bundle)
    show_pairs(found.lines())
    if not found.would_load:
        raise ValueError(f"{bundle}: Fiji would not run it: {found.problems[0]}")
