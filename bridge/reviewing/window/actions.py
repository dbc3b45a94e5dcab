"""What a person can do in the window: names, keys and words."""

from typing import Literal, NamedTuple

Tool = Literal["look", "split", "cut", "paint", "erase", "grow", "outline"]
"""What the mouse does."""


class Action(NamedTuple):
    """A button with its key.

    Attributes
    ----------
    name : str
        The method of the presenter that it calls; of a tool, the tool.
    key : str
        As Qt writes keys.
    text : str
        On the button.
    tip : str
        What it does, one sentence.
    """

    name: str
    key: str
    text: str
    tip: str


GO = (
    Action("previous", "B", "Back", "Go to the particle before this one in the table."),
    Action("next", "N", "Next", "Go to the next particle that nobody has looked at."),
)
RANK = (
    Action(
        "rank", "R", "Find reasons", "Read the whole volume and find why particles are doubtful."
    ),
)
JUDGE = (
    Action("accept", "A", "Accept", "The particle is right; go to the next."),
    Action("unsure", "U", "Not sure", "Looked at, but it cannot be told; go to the next."),
    Action("delete", "D", "Delete", "It is no particle, or none is missed there; go on."),
    Action("merge", "M", "Merge", "Make the selected particles one; Shift-click selects more."),
)
TOOLS = (
    Action("split", "S", "Split", "Click a point in each part, then press Enter."),
    Action("cut", "C", "Cut", "Drag a line across the particle: it is cut along it."),
    Action("paint", "P", "Paint", "Paint with a ball; neighbours give way. [ and ]: size."),
    Action("erase", "E", "Erase", "Erase the selected particle with a ball. [ and ]: size."),
    Action("grow", "G", "Add by click", "Click in a particle that was missed; Enter adds it."),
    Action(
        "outline", "O", "Add by outlines",
        "In xy, drag around a missed particle in two or more slices; Enter adds it.",
    ),
)  # fmt: skip
FINISH = (
    Action("confirm", "Return", "Do it", "Split or add as drawn."),
    Action("cancel", "Escape", "Leave", "Drop what was drawn and go back to looking."),
)
HISTORY = (
    Action("undo", "Ctrl+Z", "Undo", "Undo the latest act."),
    Action("redo", "Ctrl+Shift+Z", "Redo", "Do again what was undone."),
)
SIZES = {"[": -2, "]": 2}
"""What these keys add to the brush, voxels."""

HINTS: dict[Tool, str] = {
    "look": "Click a particle to select it; Shift-click selects several. Ctrl-wheel changes slice.",
    "split": "Click a point in each part of the particle, in any plane. Enter splits, Esc leaves.",
    "cut": "Drag a line across the particle, in any plane: it is cut along it. Esc leaves.",
    "paint": "Drag to paint; each stroke is one act. [ and ] change the brush. Esc leaves.",
    "erase": "Drag to erase; each stroke is one act. [ and ] change the brush. Esc leaves.",
    "grow": "Click inside a particle that was missed. Click again to grow elsewhere. Esc leaves.",
    "outline": "In xy, drag around the missed particle; go to another slice and drag again. "
    "Esc leaves.",
}
"""What the mouse does now."""
