"""What the window shows and what its keys do, without napari and Qt."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from particlebridge.analysis._shared.wording import listing, plural

from .actions import Tool
from .drawing import Drawing, middle_of
from .particle_table import ParticleTable

if TYPE_CHECKING:
    from particlebridge.analysis.correction.acts import Point

    from ..session import ReviewSession
    from .strokes import Stroke


class Presenter:
    """The state of a review: which particles are selected, which tool is chosen, what is drawn.

    Parameters
    ----------
    session
        The acts and their results; open.

    Attributes
    ----------
    table : ParticleTable
        Particles as they are now and places where one may be missed, the most doubtful first.
    selected : list of int
        Labels of particles; the first is the one that is looked at. Or that of one place, below 0.
    focus : tuple of int
        The voxel (z, y, x) where the three planes meet.
    place : tuple of int
        The voxel that they were moved to, a new tuple each time; a click moves none.
    tool : Tool
        What the mouse does.
    drawing : Drawing
        What is drawn before it becomes an act.
    brush : int
        Its width, voxels.
    message : str
        What happened last.
    failed : bool
        Whether that is an error.
    on_change : list of callable
        Called after each change.
    """

    def __init__(self, session: "ReviewSession") -> None:
        self.session = session
        self._judged: dict[int, str] = {}
        self.table = ParticleTable(session, self._judged)
        self.selected: list[int] = []
        z, y, x = session.labels.shape
        self.focus: Point = (z // 2, y // 2, x // 2)
        self.place = self.focus
        self.tool: Tool = "look"
        self.drawing = Drawing(session)
        self.brush = 7
        self.message = ""
        self.failed = False
        self.on_change: list[Callable[[], None]] = []

    @property
    def current(self) -> int | None:
        """The label of the particle that is looked at."""
        return self.row if self.row is not None and self.row > 0 else None

    @property
    def row(self) -> int | None:
        """The label of the particle, or of the place, that is looked at."""
        return self.selected[0] if self.selected else None

    def next(self) -> None:
        """Go to the next particle that nobody has looked at; after the last, to the first."""
        self._say()
        self._go_on(self.table.following(self.row))
        self._changed()

    def previous(self) -> None:
        """Go to the row before this one in the table."""
        before = self.table.before(self.row)
        if before is None:
            self._say("This is the first particle of the table.")
        else:
            self._say()
            self._look_at(before)
        self._changed()

    def select(self, labels: Sequence[int]) -> None:
        """Select particles, or one place; the planes go to the first."""
        first = self.row
        self.selected = [label for label in labels if label > 0] or list(labels[:1])
        if self.row is not None and self.row != first:
            self._look_at(*self.selected)
        self._changed()

    def click(self, point: "Point", several: bool = False) -> None:
        """Take a click at a voxel (z, y, x), as the tool does."""
        self.focus = point
        label = int(self.session.labels[point])
        if self.tool == "grow":
            self._act(lambda: self.drawing.grow(point))
        elif self.tool == "split" and label != self.current:
            self._say(f"That point is not in particle {self.current}.", failed=True)
        elif self.tool == "split":
            self._say(self.drawing.point(point))
        elif label == 0:
            self._say("No particle is there.")
        elif several and label in self.selected:
            self.selected.remove(label)
        elif several:
            self.selected = [*(held for held in self.selected if held > 0), label]
            self._say(f"Selected {listing(map(str, self.selected))}; M makes them one.")
        else:
            self.selected = [label]
            self._say()
        self._changed()

    def drag(self, path: Sequence["Point"], axis: int) -> None:
        """Take a line drawn in a plane, as the tool does.

        Parameters
        ----------
        path
            Voxels (z, y, x) along it; they share the plane's own coordinate.
        axis
            Which one: 0 in xy, 1 in xz, 2 in yz.
        """
        if self.tool == "cut":
            label = self.current
            if label is not None and path[0] != path[-1]:
                self._finish(lambda: self.drawing.cut(label, path[0], path[-1], axis))
        elif self.tool == "outline":
            self._act(lambda: self.drawing.outline(path, axis))
        self._changed()

    def stroke(self, stroke: "Stroke") -> None:
        """Turn what was painted or erased with one stroke into an act."""
        label = stroke.painted or self.current
        if label is None:
            self._say("Select a particle first.", failed=True)
        elif not stroke.painted:
            lost = stroke.removed(label)
            said = f"Erased {plural(int(lost.sum()), 'voxel')} of particle {label}."
            self._act(lambda: self.session.paint(label, stroke.box, remove=lost), said)
        else:
            gained, taken = stroke.added(label), stroke.taken(label)
            note = f"; some were of {listing(map(str, taken))}" if taken else ""
            said = f"Painted {plural(int(gained.sum()), 'voxel')} of particle {label}{note}."
            self._act(lambda: self.session.paint(label, stroke.box, add=gained), said)
        self._changed()

    def choose(self, tool: Tool) -> None:
        """Take a tool; what another one had drawn is dropped."""
        self.drawing.clear()
        if tool in ("split", "cut", "paint", "erase") and self.current is None:
            self._say("Select a particle first.", failed=True)
            tool = "look"
        else:
            self._say()
        self.tool = tool
        if tool == "grow" and self.row is not None and self.row < 0:
            self.click(self.session.bright_near(self._middle(self.row)))
        self._changed()

    def cancel(self) -> None:
        """Drop what was drawn, and go back to looking."""
        self.choose("look")

    def confirm(self) -> None:
        """Split by the points that were clicked, or add what was grown or outlined."""
        label = self.current
        if self.tool == "split" and label is not None:
            if len(self.drawing.seeds) < 2:
                self._say("Click a point in each part first: two at least.", failed=True)
            else:
                self._finish(lambda: self.drawing.split(label))
        elif self.drawing.draft is not None:
            self._act(self._add)
        elif self.tool in ("grow", "outline"):
            self._say("There is nothing to add yet.", failed=True)
        self._changed()

    def resize(self, by: int) -> None:
        """Make the brush wider or narrower, by so many voxels."""
        self.brush = max(1, self.brush + by)
        self._changed()

    def accept(self) -> None:
        """Accept the particle as it is; go to the next."""
        self._judge(self.session.accept, "Accepted particle {}.")

    def unsure(self) -> None:
        """Mark that nobody can tell whether the particle is right; go to the next."""
        self._judge(self.session.unsure, "Particle {} is marked as not sure.", "unsure")

    def delete(self) -> None:
        """Take the particle out, or say that none is missed at a place; go to the next."""
        self._judge(self.session.delete, "Deleted particle {}.", "nothing there")

    def merge(self) -> None:
        """Make the selected particles one."""
        labels = list(self.selected)
        if len(labels) < 2:
            self._say("Shift-click the other parts first, then merge.", failed=True)
        elif self._act(lambda: self.session.merge(labels), f"Merged {listing(map(str, labels))}."):
            self.selected = labels[:1]
        self._changed()

    def undo(self) -> None:
        """Undo the latest act."""
        self._turn_back(self.session.can_undo, self.session.undo, "Undone.", "undo")

    def redo(self) -> None:
        """Do again what was undone."""
        self._turn_back(self.session.can_redo, self.session.redo, "Done again.", "redo")

    def rank(self) -> None:
        """Find the reasons for doubt; the whole volume is read."""
        self._act(self.session.rank, "The particles are sorted by the reasons for doubt.")
        self._changed()

    def _judge(self, act: Callable[[int], object], said: str, of_place: str = "") -> None:
        if len(self.selected) > 1:
            self._say("Several particles are selected; click one of them.", failed=True)
        elif self.row is None:
            self._say("Select a particle first.", failed=True)
        elif self.row < 0 and not of_place:
            self._say("No particle is here yet: G grows one, D says that none is.", failed=True)
        else:
            label, following = self.row, self.table.following(self.row)
            if label < 0:
                # corrections.jsonl has acts on particles only.
                self._judged[label], act = of_place, str
                said = f"Place marked as {of_place}, until the window is closed."
            if self._act(lambda: act(label), said.format(label)):
                self._put_away()
                self._go_on(following)
        self._changed()

    def _turn_back(self, possible: bool, act: Callable[[], object], said: str, what: str) -> None:
        self.drawing.clear()
        if possible:
            self._act(act, said)
        else:
            self._say(f"There is nothing to {what}.")
        self._changed()

    def _act(self, act: Callable[[], object], said: str = "") -> bool:
        """Do an act and say what it did; give whether it was done."""
        try:
            result = act()
        except (ValueError, RuntimeError, OSError) as error:
            self._say(str(error), failed=True)
            return False
        self.table = ParticleTable(self.session, self._judged)
        self.selected = [label for label in self.selected if label in self.table]
        self._say(said or str(result))
        return True

    def _finish(self, act: Callable[[], object]) -> None:
        """Do what was drawn, and go back to looking; where it fails, it can be drawn on."""
        if self._act(act):
            self._put_away()

    def _add(self) -> str:
        label = self.drawing.add()
        self.selected = [label]
        return f"Added particle {label}."

    def _go_on(self, following: Sequence[int]) -> None:
        label = next((label for label in following if self.table.is_open(label)), None)
        if label is not None:
            self._look_at(label)
        elif self.row is None or not self.table.is_open(self.row):
            self._say(f"{self.message} Every particle has been looked at.".strip())

    def _look_at(self, *labels: int) -> None:
        # What was drawn is of the row before.
        self.drawing.clear()
        self.selected = list(labels)
        self.focus = self.place = self._middle(labels[0])

    def _middle(self, label: int) -> "Point":
        return self.table.place(label) or middle_of(self.session.box(label))

    def _put_away(self) -> None:
        self.drawing.clear()
        self.tool = "look"

    def _say(self, text: str = "", failed: bool = False) -> None:
        self.message, self.failed = text, failed

    def _changed(self) -> None:
        for callback in self.on_change:
            callback()
