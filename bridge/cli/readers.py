"""How the texts of options are read."""

import typer

from ..volumes.voxel_size import parse_voxel_size


def spacing_of(text: str) -> tuple[float, float, float]:
    """Read a voxel size."""
    try:
        return parse_voxel_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def percentiles_of(text: str) -> tuple[float, float]:
    """Read "1,99.8"."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not LO,HI, such as 1,99.8") from None
    if not 0 <= low < high <= 100:
        raise typer.BadParameter(f"percentiles must rise within 0 to 100, not {text}")
    return low, high


def views_of(text: str) -> tuple[str, ...]:
    """Read "xy,xz"."""
    views = tuple(part.strip() for part in text.split(","))
    if not views or set(views) - {"xy", "xz", "yz"} or len(set(views)) < len(views):
        raise typer.BadParameter(f"'{text}' is not a list of views out of xy,xz,yz")
    return views


def smooth_of(text: str) -> float | str:
    """Read "auto", or a number of pixels."""
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not auto or a number of pixels") from None


def every_of(text: str) -> int | str:
    """Read "auto", or a number of slices."""
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not auto or a number of slices") from None


def model_of(text: str) -> str | dict[str, str]:
    """Read one model, or "xy=M1,xz=M2,yz=M3"."""
    if not text.startswith(("xy=", "xz=", "yz=")):
        return text
    models = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    if set(models) - {"xy", "xz", "yz"}:
        raise typer.BadParameter(f"'{text}' is not xy=M1,xz=M2,yz=M3")
    return models


def runtimes_of(text: str) -> tuple[str, ...]:
    """Read "1.15.0,1.12.0"."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
