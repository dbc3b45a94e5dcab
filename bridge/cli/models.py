"""Commands on models: train, export, verify, inspect."""

import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import runtimes_of

app = typer.Typer()

Bundle = Annotated[Path, typer.Argument(help="A zip that `export` wrote, or anybody's.")]
Inspected = Annotated[
    Path, typer.Argument(help="A zip that `export` wrote, or anybody's; or a model folder.")
]
Runtimes = Annotated[
    Any, typer.Option("--runtimes", parser=runtimes_of, metavar="1.15.0,1.12.0",
                      help="TensorFlow versions for Java, from Maven Central.")
]  # fmt: skip


class TrainingRecipe(StrEnum):
    """Whose settings a training has."""

    augmented = "augmented"
    published = "published"


@app.command()
def train(
    images: Annotated[str, typer.Option("--images", help="A glob or a file.")],
    labels: Annotated[
        str,
        typer.Option("--labels", help="A file or a glob: label images, VIA, COCO, rois.zip, ..."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Model folder to make.")],
    start: Annotated[
        str | None, typer.Option("--from", help="Model to train on: a folder or a name.")
    ] = None,
    dims: Annotated[int, typer.Option("--dims", min=2, max=3, help="3 trains StarDist3D.")] = 2,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Default: 50.")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Of an epoch (default: 100).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of weights, patches, augmentation.")] = 42,
    diameter: Annotated[
        float | None,
        typer.Option(
            "--diameter",
            min=1,
            help="Typical particle diameter, pixels, that images are rescaled to "
            "(default: that of --from; without it images keep their scale).",
        ),
    ] = None,
    recipe: Annotated[
        TrainingRecipe,
        typer.Option(
            "--recipe",
            help="published: the paper's notebook, without augmentation and early stopping.",
        ),
    ] = TrainingRecipe.augmented,
) -> None:
    """Train a StarDist model on annotated images; the same command resumes it.

    OUT/training.html shows the losses, F1 on unseen and on held-out images, and the worst examples.
    """
    from dataclasses import replace

    from particlebridge.exporter import Recipe
    from particlebridge.exporter import train as function

    from .._shared.progress import notice
    from .console import training_progress

    kind = Recipe.published if recipe is TrainingRecipe.published else Recipe.augmented
    usual = kind(dims)
    chosen = replace(
        usual, epochs=epochs or usual.epochs, steps=steps or usual.steps, diameter=diameter
    )
    with training_progress() as show:
        result = function(
            images, labels, out, start=start, dims=dims, recipe=chosen, seed=seed, progress=show,
            notice=notice,
        )  # fmt: skip
    print(result.path)


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="StarDist or CARE folder, or a registered name.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Zip to write (default: NAME.zip).")
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not run it on Fiji's TensorFlow.")
    ] = False,
    runtimes: Runtimes = "1.15.0",
) -> None:
    """Write a bundle that Fiji's StarDist plugin loads, and the proof beside it."""
    from particlebridge.exporter import export as function

    from .._shared.progress import inform, notice

    with warnings.catch_warnings():
        # The same sentences are in `notices`.
        warnings.simplefilter("ignore", UserWarning)
        done = function(model, out, verify=not no_verify, runtimes=runtimes)
    for text in done.notices:
        notice(text)
    if done.verification is None:
        notice(f"not verified, as --no-verify asks; {done.proof} says so")
    elif done.status == "verified":
        inform(f"verified; proof in {done.proof}")
    else:
        notice(f"unverified; {done.proof} says why")
    print(done.path)


@app.command()
def verify(
    bundle: Bundle,
    model: Annotated[
        str | None, typer.Option("--model", help="What it was made from; else itself in TF 2.")
    ] = None,
    runtimes: Runtimes = "1.15.0,1.12.0",
) -> None:
    """Run a bundle on the TensorFlow 1.x that Fiji has, and compare with Keras."""
    from particlebridge.exporter import verify as function

    from .console import show_table

    done = function(bundle, model, runtimes)
    show_table(done.table(), f"{done.bundle} against {done.reference}, Java {done.java}")
    if done.status != "verified":
        raise RuntimeError(f"{bundle}: {done.status}; see the table")


@app.command()
def inspect(bundle: Inspected) -> None:
    """Tell what is in a bundle or a model folder, and whether Fiji would load it."""
    from particlebridge.exporter import inspect as function

    from .console import show_pairs

    found = function(bundle)
    show_pairs(found.lines())
    if not found.would_load:
        raise ValueError(f"{bundle}: Fiji would not run it: {found.problems[0]}")
