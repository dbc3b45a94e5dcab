"""A training that survives being killed: its whole state on disk after every epoch."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from particlebridge.analysis import atomic_path

from ..quiet import Loud
from .result import TrainingProgress

_STATE_OF = {
    "ReduceLROnPlateau": ("best", "wait", "cooldown_counter"),
    "EarlyStopping": ("best", "wait", "best_epoch", "stopped_epoch"),
    "ModelCheckpoint": ("best",),
}


class Checkpoint(keras.callbacks.Callback):
    """Save weights, optimizer, callbacks and history after each epoch; go on from them.

    Must stand last in the list of callbacks: it overwrites what the others reset.

    Parameters
    ----------
    path
        The .npz file, replaced in one move.
    callbacks
        The others, whose counters are saved.
    epochs, steps
        Of the whole training.
    progress
        Called after every batch.
    loud
        Context in which `progress` runs, since the training's own prints are silenced.
    """

    def __init__(
        self,
        path: Path,
        callbacks: list[Any],
        epochs: int,
        steps: int,
        progress: Callable[[TrainingProgress], None] | None,
        loud: Loud,
    ) -> None:
        super().__init__()
        self.path, self.others = path, callbacks
        self.epochs, self.steps = epochs, steps
        self.progress, self.loud = progress, loud
        self.history: list[dict[str, float]] = []
        self.best_loss = np.inf
        self.best_weights: list[np.ndarray] = []
        self.finished = False
        self.resumed_at = 0
        self._counters: list[dict[str, Any]] = []
        self._epoch = 0

    def restore(self, model: Any) -> bool:
        """Bring a compiled model and this object to the saved state; False if there is none."""
        if not self.path.is_file():
            return False
        with np.load(self.path) as saved:
            state = json.loads(str(saved["state"]))
            weights = [saved[f"w{k}"] for k in range(state["n_weights"])]
            best = [saved[f"b{k}"] for k in range(state["n_weights"])]
            optimizer = [saved[f"o{k}"] for k in range(state["n_optimizer"])]
        model.set_weights(weights)
        model.optimizer.build(model.trainable_variables)
        for variable, value in zip(model.optimizer.variables, optimizer, strict=True):
            variable.assign(value)
        self.history, self.finished = state["history"], state["finished"]
        self.best_loss, self.best_weights = state["best_loss"], best
        self._counters = state["counters"]
        self.resumed_at = len(self.history)
        return True

    def on_train_begin(self, logs: Any = None) -> None:
        """Set the counters that the other callbacks have just reset, and the first epoch."""
        for callback, counters in zip(self.others, self._counters, strict=False):
            for name, value in counters.items():
                setattr(callback, name, value)
        self.model._initial_epoch = len(self.history)  # as keras' own BackupAndRestore does

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember which epoch it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell how far the training is."""
        if self.progress is None:
            return
        val_loss = self.history[-1]["val_loss"] if self.history else float("nan")
        at = TrainingProgress(
            self._epoch + 1, self.epochs, batch + 1, self.steps, float(logs["loss"]), val_loss
        )
        with self.loud():
            self.progress(at)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save the state, or say that training has come apart."""
        if not all(np.isfinite(logs[name]) for name in ("loss", "val_loss")):
            raise RuntimeError(
                f"the loss became {logs['loss']} in epoch {epoch + 1}; "
                "train with a lower learning rate"
            )
        row = {name: float(value) for name, value in logs.items()}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.history.append({"epoch": epoch + 1, **row})
        if row["val_loss"] < self.best_loss:
            self.best_loss, self.best_weights = row["val_loss"], self.model.get_weights()
        # Another callback, asked before this one, may just have ended the training.
        self.finished = bool(self.model.stop_training) or epoch + 1 == self.epochs
        self._save()

    def _save(self) -> None:
        weights = self.model.get_weights()
        optimizer = [np.asarray(variable) for variable in self.model.optimizer.variables]
        counters = [
            {n: float(getattr(c, n)) for n in _STATE_OF.get(type(c).__name__, ()) if _is_set(c, n)}
            for c in self.others
        ]
        state = {
            "history": self.history,
            "finished": self.finished,
            "best_loss": self.best_loss,
            "counters": counters,
            "n_weights": len(weights),
            "n_optimizer": len(optimizer),
        }
        arrays = {
            **{f"w{k}": value for k, value in enumerate(weights)},
            **{f"b{k}": value for k, value in enumerate(self.best_weights)},
            **{f"o{k}": value for k, value in enumerate(optimizer)},
        }
        with atomic_path(self.path) as beside:
            np.savez(beside, state=np.array(json.dumps(state)), **arrays)
            with beside.open("rb") as written:
                os.fsync(written.fileno())


def _is_set(callback: Any, name: str) -> bool:
    return getattr(callback, name, None) is not None
