"""What a Java log means, in one sentence."""

import re
from collections.abc import Sequence

# What Java says, and what it means; the first that the log holds is reported.
_MEANINGS: tuple[tuple[str, str], ...] = (
    (r"\[particlebridge\] ERROR (?P<said>.*)", "{said}"),
    (
        r"OutOfMemoryError|GC overhead limit",
        "Java ran out of memory; give it more with $PARTICLEBRIDGE_HEAP, such as 16g",
    ),
    (
        r"There is insufficient memory for the Java Runtime|Could not reserve enough space",
        "the machine has too little free memory for Java's heap; set $PARTICLEBRIDGE_HEAP lower",
    ),
    (
        r"ClassCastException.*URLClassLoader",
        "imagej-tensorflow 1.1.8 or older does not run on Java 9 or newer: update Fiji",
    ),
    (
        r"(?P<said>UnsatisfiedLinkError: .*)",
        "the native TensorFlow library does not load ({said}); choose another version in "
        "Edit > Options > TensorFlow...",
    ),
    (
        r"A fatal error has been detected by the Java Runtime Environment|SIGSEGV",
        "Java crashed in native code; choose another TensorFlow in Edit > Options > TensorFlow...",
    ),
    (
        r"NoSuchMethodError.*protobuf|com/google/protobuf|com\.google\.protobuf",
        "a protobuf-java is in the way of TensorFlow; run `particlebridge fiji doctor`",
    ),
    (r"(?P<said>\S*HeadlessException.*)", "a command needed a window: {said}"),
    (r"(?P<said>(?:[\w$]+\.)*[\w$]*(?:Exception|Error)\b:? ?.*)", "Java said: {said}"),
)


def what_java_said(lines: Sequence[str]) -> str:
    """Put the end of a Java log into one sentence.

    Parameters
    ----------
    lines
        The log, oldest line first.

    Returns
    -------
    str
        Empty if nothing in it looks like a fault.
    """
    for pattern, meaning in _MEANINGS:
        for line in lines:
            if found := re.search(pattern, line):
                return meaning.format(**found.groupdict()).strip()
    return ""
