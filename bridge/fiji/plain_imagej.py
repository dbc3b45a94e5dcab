"""Plain ImageJ in this process: it runs the text of our commands without SciJava and Fiji."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PARAMETER = re.compile(r"^#@ .*?(\w+)$", re.MULTILINE)


class PlainImageJ:
    """A JVM with ImageJ 1.x, Groovy and ONNX Runtime; there is one per process.

    Parameters
    ----------
    jars
        Paths of `PLAIN_IMAGEJ`.
    options
        Of Java, such as ``-Xmx4g``.
    """

    def __init__(self, jars: Sequence[str], options: Sequence[str]) -> None:
        import jpype

        jpype.startJVM(
            "-Djava.awt.headless=true", *options, classpath=list(jars), convertStrings=False
        )
        self._java = jpype.JClass
        self._scripts: dict[str, Any] = {}

    def run_groovy(self, text: str, arguments: Mapping[str, str]) -> None:
        """Run a command's text; its ``#@`` parameters are variables, services are absent.

        Parameters
        ----------
        text
            As `particlebridge.fiji_macros.compose.compose` gives it.
        arguments
            Values of its parameters; those left out are empty.

        Raises
        ------
        ValueError
            If the command has no such parameter.
        """
        binding = self._java("groovy.lang.Binding")()
        parameters = _PARAMETER.findall(text)
        unknown = set(arguments) - set(parameters)
        if unknown:
            raise ValueError(f"the command has no parameter {', '.join(sorted(unknown))}")
        for name in parameters:
            binding.setVariable(name, arguments.get(name) or None)
        if text not in self._scripts:  # compiling takes seconds
            plain = re.sub(r"^#@", "//", text, flags=re.MULTILINE)
            self._scripts[text] = self._java("groovy.lang.GroovyClassLoader")().parseClass(plain)
        helper = self._java("org.codehaus.groovy.runtime.InvokerHelper")
        helper.createScript(self._scripts[text], binding).run()

    def run_macro(self, text: str) -> str:
        """Run an ImageJ macro; returns what it returns."""
        return str(self._java("ij.macro.Interpreter")().run(text, "") or "")

    def facts(self) -> dict[str, str]:
        """Tell what run.json and the doctor want to know."""
        system = self._java("java.lang.System")
        return {
            "imagej": str(self._java("ij.IJ").getFullVersion()),
            "java": str(system.getProperty("java.version")),
            "stardist": "",
            "csbdeep": "",
            "onnxruntime": onnx_runtime_version(self._java),
            "menu": "",
        }


def onnx_runtime_version(classes: Any) -> str:
    """Return the version of the JVM's ONNX Runtime; empty if it has none that starts.

    Parameters
    ----------
    classes
        Gives a Java class for its name.
    """
    try:
        return str(classes("ai.onnxruntime.OrtEnvironment").getEnvironment().getVersion())
    except Exception:  # absent, or its native library does not load: Java's Errors come as these
        return ""
