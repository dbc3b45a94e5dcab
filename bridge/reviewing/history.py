"""Acts done, undone and redone: in memory and in the log, or in neither."""

from collections.abc import Callable

from particlebridge.analysis.correction.acts import Act, Box, Edit, Redo, Undo
from particlebridge.analysis.correction.particles import Change
from particlebridge.analysis.correction.replay import LabelEditor

from .log import By, CorrectionLog
from .replaying import replay


class History:
    """The acts of a review.

    Parameters
    ----------
    log
        Read; every act is a line of it before its method returns.
    editor
        Of the fused labels; the acts in the log are done on them.
    digest
        Of the fused labels.
    by
        What the log calls this program.

    Attributes
    ----------
    on_change
        Called with the box of each change.

    Raises
    ------
    ValueError
        If the log is another volume's.
    """

    def __init__(self, log: CorrectionLog, editor: LabelEditor, digest: str, by: By) -> None:
        self._log, self._editor, self._digest, self._by = log, editor, digest, by
        self._acts = replay(log, editor, digest)
        self.messages = [*log.messages, *self._acts.messages]
        self.on_change: list[Callable[[Box], object]] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is an act to take back."""
        return bool(self._acts.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an act that was taken back."""
        return bool(self._acts.undone)

    def do(self, act: Edit) -> None:
        """Do an act."""
        change = self._editor.do(act)
        self._keep(act, change)
        self._acts.done.append((act, True, change))
        self._acts.undone.clear()
        self._tell(change)

    def undo(self) -> None:
        """Take back the latest act."""
        if not self._acts.done:
            raise ValueError("there is nothing to undo")
        act, exact, change = self._acts.done[-1]
        # What cannot be written to the log is not undone either.
        self._keep(Undo())
        self._acts.done.pop()
        if change is not None:
            self._editor.undo(change)
        self._acts.undone.append((act, exact))
        self._tell(change)

    def redo(self) -> None:
        """Do the act again that was taken back last."""
        if not self._acts.undone:
            raise ValueError("there is nothing to redo")
        act, exact = self._acts.undone[-1]
        change = self._editor.do(act, exact)
        self._keep(Redo(), change)
        self._acts.undone.pop()
        self._acts.done.append((act, exact, change))
        self._tell(change)

    def _keep(self, act: Act, change: Change | None = None) -> None:
        """Write an act to the log; what cannot be written is not done."""
        try:
            self._log.append(act, self._by, self._digest)
        except BaseException:
            if change is not None:
                self._editor.undo(change)
            raise

    def _tell(self, change: Change | None) -> None:
        for box in dict.fromkeys(box for box, _ in change.patches) if change else ():
            for callback in self.on_change:
                callback(box)
