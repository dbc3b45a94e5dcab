"""`make dist`: one zip for people who have only Fiji.

`python -m particlebridge.bridge.fiji.dist OUT.zip` packs the commands, the macros, ONNX Runtime,
the shipped model as a bundle, and the README. Unpacked over a Fiji folder all lies where Fiji
looks for it.
"""

import os
import sys
import tempfile
from pathlib import Path

from particlebridge.exporter import export
from particlebridge.exporter.safe_zip import write_zip
from particlebridge.fiji_macros.compose import documents

from .install import MANIFEST, RUNTIME, installed_files, manifest
from .jars import ONNX_RUNTIME, fetched

_MODEL = "nmc"


def write_dist(out: str | os.PathLike[str], bundle: str | os.PathLike[str]) -> list[str]:
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

    Raises
    ------
    FileNotFoundError
        If there is no such bundle.
    RuntimeError
        If ONNX Runtime's jar cannot be downloaded, or its checksum is another.
    OSError
        If the zip cannot be written.
    """
    files = {name: text.encode() for name, text in installed_files().items()}
    files[str(MANIFEST)] = manifest(runtime=True).encode()
    files[str(RUNTIME)] = fetched(ONNX_RUNTIME).read_bytes()
    files[f"models/Particlebridge/{_MODEL}.zip"] = Path(bundle).read_bytes()
    files |= {f"Particlebridge/{name}": content for name, content in documents().items()}
    write_zip(out, files)
    return list(files)


def main(out: Path) -> None:
    """Export the shipped model and write the zip."""
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        bundle = Path(scratch) / f"{_MODEL}.zip"
        export(_MODEL, bundle)
        names = write_dist(out, bundle)
    print(f"{out}: {len(names)} files, {out.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m particlebridge.bridge.fiji.dist OUT.zip")
    main(Path(sys.argv[1]))
