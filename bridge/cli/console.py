"""What the command line prints: training progress, tables and checks."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .._shared.progress import console, inform

if TYPE_CHECKING:
    import pandas as pd
    from particlebridge.exporter import TrainingProgress

    from ..fiji.checks import Check


@contextmanager
def training_progress() -> "Iterator[Callable[[TrainingProgress], None]]":
    """Show a training's epochs; yields what `train` calls after every batch."""
    state = {"epoch": 0}
    with Progress(
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}, validation {task.fields[val]:.4f}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=None, epoch="-", loss=float("nan"), val=float("nan"))

        def show(now: "TrainingProgress") -> None:
            done = (now.epoch - 1) * now.steps + now.step
            total = now.epochs * now.steps
            bar.update(
                task,
                total=total,
                completed=done,
                epoch=f"{now.epoch}/{now.epochs}",
                loss=now.loss,
                val=now.val_loss,
            )
            if not console.is_terminal and now.step == now.steps and now.epoch != state["epoch"]:
                state["epoch"] = now.epoch
                inform(f"epoch {now.epoch} of {now.epochs}: loss {now.loss:.4f}")

        yield show


def show_table(table: "pd.DataFrame", title: str) -> None:
    """Print a data frame as a table on stdout."""
    grid = Table(title=title, title_justify="left")
    for column in table.columns:
        grid.add_column(str(column), overflow="fold")
    for row in table.itertuples(index=False):
        grid.add_row(*(f"{v:.3g}" if isinstance(v, float) else escape(str(v)) for v in row))
    Console().print(grid)


def show_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print (title, text) pairs on stdout."""
    grid = Table.grid(padding=(0, 2))
    for title, text in pairs:
        grid.add_row(escape(title), escape(text))
    Console(highlight=False).print(grid)


def show_checks(checks: "Iterable[Check]") -> None:
    """Print what the doctor found on stdout, one line a check."""
    colours = {"ok": "green", "warning": "yellow", "problem": "red"}
    grid = Table(box=None, pad_edge=False)
    for title in ("", "what", "found", "fix"):
        grid.add_column(title, overflow="fold")  # a path must stay whole
    for check in checks:
        status = f"[{colours.get(check.status, 'default')}]{check.status}[/]"
        grid.add_row(status, escape(check.name), escape(check.found), escape(check.fix))
    Console(highlight=False).print(grid)
