"""Jars from Maven Central: ONNX Runtime for a Fiji, and all that plain ImageJ needs.

Each is pinned and its checksum compared, whatever mirror or cache it came from.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from particlebridge.analysis.io.errors import reason


@dataclass(frozen=True)
class Jar:
    """A jar on Maven Central.

    Attributes
    ----------
    group, artifact, version
        Its coordinates.
    sha256
        Of the file, hex.
    """

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        """What finds it on Maven Central."""
        return f"{self.group}:{self.artifact}:{self.version}"


ONNX_RUNTIME = Jar(
    "com.microsoft.onnxruntime",
    "onnxruntime",
    "1.23.2",
    "e0ab4a1af57d2da09097202f2dfd691e390c82e81183314788ccde4cf7c3cc38",
)
"""The last one with native libraries for Linux, Windows and both kinds of Mac; Java 8 and newer."""

IMAGEJ = Jar(
    "net.imagej", "ij", "1.54f", "e5ee9b846e3c2f819d945e6d3fca5641ca690b1ef28591415ae0dc7c6d82fcd9"
)

PLAIN_IMAGEJ = (
    IMAGEJ,
    Jar(
        "net.imglib2",
        "imglib2",
        "6.2.0",
        "493f45eca49d4033d37fe5a72c689c8326a2d96ff4d24c85546842a607e7ed26",
    ),
    Jar(
        "org.apache.groovy",
        "groovy",
        "4.0.28",
        "d77164a44ab994837e61eecead64721bdb1794fa2bc6704ac6fe70cd32ef9dd3",
    ),
    Jar(
        "org.apache.groovy",
        "groovy-json",
        "4.0.28",
        "edec45c85ff811f9a9baacdf5b020e34593a0055ac63c92fbf1233c3b2cc9cc6",
    ),
    ONNX_RUNTIME,
)
"""What our commands run on without a Fiji."""


def fetched(jar: Jar) -> Path:
    """Give a jar's path in the local Maven repository, downloaded if it is not there.

    Raises
    ------
    RuntimeError
        If it cannot be downloaded, or is not the file that was pinned.
    """
    from jgo.maven import MavenContext, PythonResolver

    artifact = (
        MavenContext(resolver=PythonResolver(), timeout=60)
        .project(jar.group, jar.artifact)
        .at_version(jar.version)
        .artifact()
    )
    lock = Path(tempfile.gettempdir()) / f"particlebridge-{jar.name}.lock"
    with FileLock(lock):
        for _ in range(2):
            try:
                path = Path(artifact.resolve())
            except Exception as error:  # of requests, urllib3 or jgo itself
                raise RuntimeError(
                    f"{jar.coordinates} cannot be downloaded from Maven Central "
                    f"({reason(error)[:200]}); check the connection"
                ) from error
            if hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256:
                return path
            path.unlink()  # a download that was cut short stays there otherwise
    raise RuntimeError(f"Maven Central serves another file than the {jar.name} known here (sha256)")
