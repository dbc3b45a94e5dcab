"""`make dist`: one zip for people who have only Fiji.

`python -m particlebridge.fiji_macros.dist OUT.zip` packs the commands, the macros, the shipped
model as a bundle, and the README. Unpacked over a Fiji folder all lies where Fiji looks for it.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

from .compose import COMMANDS, MACROS, compose, macro

_FOLDER = Path(__file__).resolve().parent
_DATE = (1980, 1, 1, 0, 0, 0)
"""A fixed one: the same sources give the same bytes."""


def write_dist(out: Path, bundle: Path) -> list[str]:
    """Write the zip.

    Parameters
    ----------
    out
        The zip to write; it appears when it is whole.
    bundle
        The model's bundle.

    Returns
    -------
    list of str
        The names in the zip.
    """
    files = {f"scripts/Plugins/Particlebridge/{c}.groovy": compose(c).encode() for c in COMMANDS}
    files |= {f"macros/Particlebridge/{m}.ijm": macro(m).encode() for m in MACROS}
    files["models/Particlebridge/nmc.zip"] = bundle.read_bytes()
    files["Particlebridge/README.md"] = (_FOLDER / "README.md").read_bytes()
    for picture in sorted((_FOLDER / "images").glob("*.png")):
        files[f"Particlebridge/images/{picture.name}"] = picture.read_bytes()
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.name}.partial")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    beside.replace(out)
    return list(files)


def main(out: Path) -> None:
    """Export the shipped model and write the zip."""
    # Of all in this room only this script needs the exporter; the macros themselves need nothing.
    from particlebridge.exporter import export

    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        bundle = Path(scratch) / "nmc.zip"
        export("nmc", bundle)
        names = write_dist(out, bundle)
    print(f"{out}: {len(names)} files, {out.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m particlebridge.fiji_macros.dist OUT.zip")
    main(Path(sys.argv[1]))
