"""Preloaded by Dask workers: whoever is given the first slices of view xz dies of them."""

import os
import signal
from typing import Any

from particlebridge.bridge.segmenting import view_pieces

_segment_piece = view_pieces._segment_piece


def _deadly(spec: Any, piece: view_pieces.ViewPiece) -> Any:
    if piece.folder.path.name == "xz" and 0 in piece.indices:
        os.kill(os.getpid(), signal.SIGKILL)
    return _segment_piece(spec, piece)


def dask_setup(_worker: Any) -> None:
    """Run once in each worker."""
    view_pieces._segment_piece = _deadly
