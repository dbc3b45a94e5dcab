"""The command line: each command a thin wrapper over the public function of the same name."""

import errno
import logging
import sys
import traceback
from importlib.metadata import version as package_version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .._shared.failures import explained, item_errors
from .._shared.progress import show_log
from . import fiji as cli_fiji
from . import models as cli_models
from . import volumes as cli_volumes

_FREE_SPACE = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "quota exceeded; free some space",
}
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.EEXIST, errno.ENOTDIR}


class _Commands(TyperGroup):
    """Turn errors into one sentence and exit code 1; usage errors keep exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            known = isinstance(error, (*item_errors(), ImportError))
            if not known or isinstance(error, typer.Exit | typer.Abort):
                raise
            if ctx.params.get("verbose"):
                traceback.print_exc()
            print(f"particlebridge: {sentence(error)}", file=sys.stderr)
            raise typer.Exit(1) from error


def sentence(error: BaseException) -> str:
    """Say what went wrong, and the fix, in one line."""
    if isinstance(error, MemoryError):
        return "not enough memory; crop the volume, or close other programs and run it again"
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        if error.errno in _FREE_SPACE:
            fix = (
                f"{_FREE_SPACE[error.errno]} and run the same command again, finished work is kept"
            )
            return f"{error.filename}: {fix}"
        if error.errno in _NOT_WRITABLE:
            return f"{error.filename}: not permitted ({error.strerror}); choose another --out"
        if error.errno in _NO_FOLDER:
            return f"{error.filename}: a file is in the way of a folder; choose another --out"
        return f"{error.filename}: {error.strerror}"
    return explained(error)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Find the particles in a tomography volume, measure them and explain their damage.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(package_version("particlebridge"))
        raise typer.Exit


@app.callback()
def _common(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    show_log()
    # What tifffile notes about a damaged file, the one sentence says.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


app.add_typer(cli_volumes.app)
app.add_typer(cli_models.app)
app.add_typer(
    cli_fiji.app, name="fiji", help="Check a Fiji installation and install the commands in it."
)


def main() -> None:
    """Run the command line."""
    app()
