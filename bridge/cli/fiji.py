"""Commands on a Fiji installation: doctor, install-macros, uninstall-macros."""

from typing import Annotated

import typer

from .options import Fiji

Folder = Annotated[
    str | None, typer.Option("--fiji", help="Fiji's folder (default: the one that is found).")
]

app = typer.Typer(no_args_is_help=True)


@app.command()
def doctor(
    fiji: Fiji = None,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Do not segment the test image.")
    ] = False,
) -> None:
    """Find what keeps Fiji from running the models, and how to fix it."""
    from .. import doctor as function
    from .console import show_checks

    checks = function(fiji, run=not no_run)
    show_checks(checks)
    problems = [check for check in checks if check.status == "problem"]
    if problems:
        raise RuntimeError(f"{len(problems)} problem(s); the first: {problems[0].fix}")


@app.command()
def install_macros(fiji: Folder = None) -> None:
    """Install the commands in Fiji's menu Plugins > Particlebridge."""
    from .. import install_macros as function
    from .._shared.progress import inform

    inform(str(function(fiji)))


@app.command()
def uninstall_macros(fiji: Folder = None) -> None:
    """Remove the commands from Fiji."""
    from .. import uninstall_macros as function
    from .._shared.progress import inform

    inform(str(function(fiji)))
