"""What `import particlebridge` gives, and what it does not import."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

FUNCTIONS = {
    "run": "bridge", "segment": "bridge", "fuse": "bridge", "measure": "bridge",
    "explain": "bridge", "read_volume": "bridge", "read_labels": "bridge",
    "train": "exporter", "export": "exporter",
}  # fmt: skip


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    return done.stdout.strip()


def test_neither_tensorflow_nor_a_jvm_is_imported() -> None:
    heavy = "{'tensorflow', 'keras', 'jpype', 'scyjava', 'imagej', 'numpy', 'pandas'}"
    assert _python(
        "import sys, particlebridge as pb; dir(pb); pb.__version__; pb.bridge; pb.exporter; "
        f"pb.analysis; print(sorted({heavy} & set(sys.modules)))"
    ) == "[]"  # fmt: skip
    names = [f"pb.{name}" for name in FUNCTIONS]
    assert _python(
        f"import sys, particlebridge as pb; {'; '.join(names)}; "
        f"print(sorted(({heavy} - {{'numpy', 'pandas'}}) & set(sys.modules)))"
    ) == "[]"  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_functions_on_files_are_at_the_top(name: str) -> None:
    import particlebridge as pb

    assert getattr(pb, name) is getattr(getattr(pb, FUNCTIONS[name]), name)
    assert name in dir(pb)


def test_the_version_is_that_of_the_installed_package() -> None:
    import particlebridge as pb

    assert pb.__version__ == version("particlebridge")


def test_a_folder_of_the_checkout_does_not_hide_the_installed_package() -> None:
    # `python -m` puts the current folder first: one called particlebridge would be imported.
    assert not (Path(__file__).parents[1] / "particlebridge").exists()
