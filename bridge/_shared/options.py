"""Options that functions take as plain keywords and hand on as a few frozen objects."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints, overload

Function = TypeVar("Function", bound=Callable[..., Any])
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

COMPUTED = {"computed": True}
"""Metadata of a field that no caller gives."""


@overload
def gathered(function: str, given: Mapping[str, Any], a: type[A], /) -> A: ...
@overload
def gathered(function: str, given: Mapping[str, Any], a: type[A], b: type[B], /) -> tuple[A, B]: ...
@overload
def gathered(
    function: str, given: Mapping[str, Any], a: type[A], b: type[B], c: type[C], /
) -> tuple[A, B, C]: ...
def gathered(function: str, given: Mapping[str, Any], /, *kinds: type) -> Any:
    """Make option objects from keywords.

    Parameters
    ----------
    function
        Name of the function they were given to, for the message.
    given
        Keyword -> value; None stands for the default.
    kinds
        Frozen dataclasses; a field that is one itself takes its own fields from the keywords.

    Returns
    -------
    object or tuple
        One of each kind.

    Raises
    ------
    TypeError
        If a keyword is an option of none of them.
    ValueError
        If a value is refused.
    """
    known = [field.name for kind in kinds for _, _, field in _options(kind)]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{function}() has no option {name!r}{hint}")
    made = tuple(_made(kind, given) for kind in kinds)
    return made if len(made) > 1 else made[0]


def takes_options(*kinds: type) -> Callable[[Function], Function]:
    """Let a function's ``**options`` show in its signature and docstring.

    Parameters
    ----------
    kinds
        Classes of the option objects that the function makes of its keywords (`gathered`).

    Returns
    -------
    callable
        The decorator; below ``**options`` in the docstring each object's options are named.
    """
    more = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default if field.default is not MISSING else None,
            annotation=hint,
        )
        for kind in kinds
        for _, hint, field in _options(kind)
    ]
    named: dict[str, list[str]] = {}
    for kind in kinds:
        for owner, _, field in _options(kind):
            named.setdefault(owner, []).append(field.name)

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        shown = signature.replace(parameters=[*own, *more])
        function.__signature__ = shown  # type: ignore[attr-defined]
        function.__doc__ = _told(function.__doc__ or "", named)
        return function

    return decorate


def _told(text: str, named: Mapping[str, Sequence[str]]) -> str:
    """Name the options of each object below ``**options`` of a docstring."""
    entry = re.search(r"^( *)\*\*options\n(\1 +.*\n)+", text, re.MULTILINE)
    if entry is None:
        return text
    lines = [
        f"{entry[1]}{', '.join(names)}\n{entry[1]}    As in `{owner}`.\n"
        for owner, names in named.items()
    ]
    return text[: entry.end()] + "".join(lines) + text[entry.end() :]


def _options(kind: type) -> Iterator[tuple[str, Any, Field[Any]]]:
    """List the fields that a caller gives, with the name of their object."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        if is_dataclass(hints[field.name]):
            yield from _options(hints[field.name])
        elif field.metadata != COMPUTED:
            yield kind.__name__, hints[field.name], field


def _made(kind: type, given: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    values = {}
    for field in fields(kind):
        if is_dataclass(hints[field.name]):
            values[field.name] = _made(hints[field.name], given)
        elif field.metadata != COMPUTED and given.get(field.name) is not None:
            values[field.name] = given[field.name]
    return kind(**values)
