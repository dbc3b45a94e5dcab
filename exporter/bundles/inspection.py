"""What is in a bundle that somebody hands you, and would Fiji load it."""

import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..networks.model_kinds import kind_of_file, kind_of_names
from ..networks.model_zips import unpacked
from ..networks.onnx_session import ONNX_NAME
from ..networks.record import RECORD_NAME, ModelRecord, read_record
from ..networks.saved_model import GRAPH_NAME, SIGNATURE, TAG, read_saved_model
from ..networks.saved_model_messages import DT_FLOAT
from ..runtimes.runtime_ops import RUNTIMES, not_known
from ..safe_zip import opened
from .folder_inspection import inspect_folder
from .frozen_graph import reference
from .inspection_result import Inspection, Signature, shown

_EXPORT = "export the model with `particlebridge export MODEL_FOLDER`"

# A graph may read and write files as whoever runs it.
_UNSAFE = {"ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc"}


def inspect(bundle: str | os.PathLike[str]) -> Inspection:
    """Look into a bundle of any origin, or a model folder; nothing in it is run.

    Parameters
    ----------
    bundle
        The zip, or a StarDist or CARE model folder, also zipped or as a BioImage.IO package.

    Returns
    -------
    Inspection
        `would_load` and `problems` tell whether Fiji would load it and why not.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If it is neither a zip nor of a known kind, is cut short or damaged, or is unsafe.

    Examples
    --------
    >>> from particlebridge.exporter import export, inspect
    >>> found = inspect(export("nmc", "nmc.zip", verify=False))
    >>> found.kind, found.rays, found.grid, found.would_load, found.problems
    ('StarDist 2D model', 32, (2, 2), True, ())
    """
    path = Path(bundle)
    if path.is_dir():
        return inspect_folder(path)
    with unpacked(path) as source:
        if source != path:
            found = inspect_folder(source, path)
            return replace(found, path=path, kind=f"{found.kind}, zipped")
    if path.is_file() and (file_kind := kind_of_file(path)):
        return Inspection(path, file_kind.name, problems=(file_kind.fiji,), fatal=file_kind.fiji)
    problems: list[str] = []
    notes: list[str] = []
    with opened(path) as archive:
        names = archive.namelist()
        record = _record(archive, notes)
    if GRAPH_NAME not in names:
        kind = kind_of_names(names)
        return Inspection(
            path,
            kind.name,
            record=record,
            problems=(kind.fiji,),
            notes=tuple(notes),
            fatal=kind.fiji,
        )
    saved = read_saved_model(path)
    meta = next((m for m in saved.meta_graphs if TAG in m.meta_info_def.tags), None)
    if meta is None:
        tags = sorted({tag for m in saved.meta_graphs for tag in m.meta_info_def.tags})
        problem = f"its tags are {tags}, and Fiji asks for {TAG!r}; {_EXPORT}"
        return Inspection(path, "SavedModel of another purpose", problems=(problem,), fatal=problem)
    nodes = list(_all_nodes(meta.graph_def))
    ops = Counter(node.op for node in nodes)
    fatal = ""
    if unsafe := sorted(_UNSAFE & ops.keys()):
        fatal = f"it uses {', '.join(unsafe)}, which no network needs: do not run it"
        problems.append(fatal)
    signature = _signature(meta, problems)
    if signature is None:
        fatal = fatal or problems[-1]
    producer = meta.meta_info_def.tensorflow_version
    is_tf2 = meta.HasField("object_graph_def")
    runtimes = {runtime: _not_understood(nodes, runtime) for runtime in RUNTIMES}
    if why := runtimes[RUNTIMES[0]]:
        origin = "a TensorFlow 2 SavedModel" if is_tf2 else f"written by TensorFlow {producer}"
        problems.append(
            f"it is {origin}, and Fiji's TensorFlow {RUNTIMES[0]} does not know {why}; {_EXPORT}"
        )
    elif late := [runtime for runtime, reason in runtimes.items() if reason]:
        notes.append(
            f"TensorFlow {', '.join(late)} (chosen in Fiji on Apple silicon) would not load it; "
            f"{_EXPORT} for one that all load"
        )
    if "RestoreV2" in ops and "variables/variables.index" not in names:
        problems.append(f"its weights (variables/variables.index) are missing; {_EXPORT}")
        fatal = fatal or problems[-1]
    grid, rays = _star_convex(meta.graph_def, signature)
    if record and rays and (record.grid, record.rays) != (grid, rays):
        notes.append(f"{RECORD_NAME} gives another grid or ray count than the network has")
    return Inspection(
        path=path,
        kind=_kind(signature, rays, is_tf2),
        signature=signature,
        grid=grid,
        rays=rays,
        record=record,
        producer=producer,
        ops=dict(ops.most_common()),
        onnx=ONNX_NAME in names,
        runtimes=runtimes,
        problems=tuple(problems),
        notes=tuple(notes),
        unsafe=bool(unsafe),
        fatal=fatal,
    )


def _record(archive: zipfile.ZipFile, notes: list[str]) -> ModelRecord | None:
    if RECORD_NAME not in archive.namelist():
        return None
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        path = Path(scratch) / RECORD_NAME
        path.write_bytes(archive.read(RECORD_NAME))
        try:
            return read_record(path)
        except ValueError:
            notes.append(f"{RECORD_NAME} cannot be read; its thresholds are not used")
            return None


def _all_nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _not_understood(nodes: list[Any], runtime: str) -> str:
    missing = Counter(what for node in nodes if (what := not_known(node, runtime)))
    most = [what for what, _ in missing.most_common(3)]
    more = len(missing) - len(most)
    return ", ".join(most) + (f" and {more} more" if more > 0 else "")


def _signature(meta: Any, problems: list[str]) -> Signature | None:
    if SIGNATURE not in meta.signature_def:
        problems.append(f"it has no signature {SIGNATURE!r}, which Fiji calls; {_EXPORT}")
        return None
    ends = meta.signature_def[SIGNATURE]
    if (len(ends.inputs), len(ends.outputs)) != (1, 1):
        problems.append(
            f"it has {len(ends.inputs)} inputs and {len(ends.outputs)} outputs, and Fiji's plugins "
            f"take one image and give one; {_EXPORT}"
        )
        return None
    ((input_name, source),) = ends.inputs.items()
    ((output_name, target),) = ends.outputs.items()
    shapes = []
    for info in (source, target):
        if info.dtype != DT_FLOAT or info.tensor_shape.unknown_rank:
            problems.append(f"its images are not float32 of known axes; {_EXPORT}")
            return None
        shapes.append(tuple(None if d.size < 0 else int(d.size) for d in info.tensor_shape.dim))
    source_shape, target_shape = shapes
    rank = len(source_shape)
    # CSBDeep lets a network project a volume to an image.
    suits = rank in (4, 5) and len(target_shape) in (4, rank)
    if not suits or source_shape[-1] is None or target_shape[-1] is None:
        problems.append(
            f"it maps {shown(source_shape)} to {shown(target_shape)}, not an image with channels "
            f"to another; {_EXPORT}"
        )
        return None
    return Signature(input_name, output_name, source.name, target.name, *shapes)


def _star_convex(
    graph: Any, signature: Signature | None
) -> tuple[tuple[int, int] | None, int | None]:
    """Recognise StarDist's end: a probability, on its grid, joined to at least three distances."""
    if signature is None or signature.axes_count != 2 or signature.outputs < 4:
        return None, None
    nodes = {node.name: node for node in graph.node}

    def back(name: str) -> Any:
        for _ in range(len(nodes)):
            node = nodes.get(reference(name)[0])
            if node is None or node.op not in ("Identity", "Reshape"):
                return node
            name = node.input[0]
        return None

    joined = back(signature.output_tensor)
    if joined is None or joined.op != "ConcatV2" or len(joined.input) != 3:
        return None, None
    prob = back(joined.input[0])
    if prob is None or prob.op not in ("Conv2DBackpropInput", "Sigmoid"):
        return None, None
    strides = list(prob.attr["strides"].list.i) if prob.op == "Conv2DBackpropInput" else []
    grid = (int(strides[1]), int(strides[2])) if len(strides) == 4 else (1, 1)
    return grid, signature.outputs - 1


def _kind(signature: Signature | None, rays: int | None, is_tf2: bool) -> str:
    if rays is not None:
        return "StarDist 2D model"
    if is_tf2:
        return "TensorFlow 2 SavedModel"
    if signature is None:
        return "SavedModel"
    axes = signature.axes_count
    return f"{axes}-D image-to-image network (CSBDeep: Run your network)"
