"""What is in a model folder: StarDist's or CARE's own, which is for Python, not for Fiji."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from particlebridge.analysis.io.errors import reraise_with_path

from ..networks.model_folders import read_config
from ..networks.model_kinds import kind_of_names, names_in, unknown_settings
from ..networks.record import (
    RECORD_NAME,
    ModelRecord,
    Thresholds,
    read_json,
    read_record,
    weights_file,
)
from ..networks.saved_model import GRAPH_NAME
from .inspection_result import Inspection

_SETTINGS = frozenset({
    "axes", "backbone", "grid", "n_channel_in", "n_channel_out", "n_classes", "n_dim", "n_rays",
    "net_conv_after_unet", "net_input_shape", "net_mask_shape", "train_background_reg",
    "train_batch_size", "train_checkpoint", "train_checkpoint_epoch", "train_checkpoint_last",
    "train_class_weights", "train_dist_loss", "train_epochs", "train_foreground_only",
    "train_learning_rate", "train_loss_weights", "train_n_val_patches", "train_patch_size",
    "train_reduce_lr", "train_sample_cache", "train_steps_per_epoch", "train_tensorboard",
    "unet_activation", "unet_batch_norm", "unet_dropout", "unet_expansion", "unet_kernel_size",
    "unet_last_activation", "unet_n_conv_per_depth", "unet_n_depth", "unet_n_filter_base",
    "unet_pool", "unet_prefix", "use_gpu",
})  # fmt: skip
"""Of StarDist 0.9's configurations; importing StarDist to ask takes ten seconds."""

_OF_2D = frozenset({"train_completion_crop", "train_shape_completion"})
_OF_3D = frozenset({
    "anisotropy", "net_conv_after_resnet", "rays_json", "resnet_activation", "resnet_batch_norm",
    "resnet_kernel_init", "resnet_kernel_size", "resnet_n_blocks", "resnet_n_conv_per_block",
    "resnet_n_filter_base",
})  # fmt: skip


def inspect_folder(folder: Path, called: Path | None = None) -> Inspection:
    """Tell what a folder holds from its settings; its weights are not read.

    Parameters
    ----------
    folder
        A StarDist or CARE model folder, or anything that somebody takes for one.
    called
        The zip that it was unpacked from.

    Returns
    -------
    Inspection
        It never `would_load`: Fiji's plugins take zips.

    Raises
    ------
    ValueError
        If config.json is damaged or that of another program.
    """
    if (folder / GRAPH_NAME).is_file():
        problem = (
            "Fiji asks for a zip; zip what is in the folder (not the folder), and inspect that"
        )
        return Inspection(folder, "bundle, unzipped", problems=(problem,))
    if not (folder / "config.json").is_file():
        kind = kind_of_names(names_in(folder))
        return Inspection(folder, f"folder ({kind.name})", problems=(kind.fiji,))
    config = read_config(folder)
    notes: list[str] = []
    called = called or folder
    problems = [
        f"it is the model for Python; `particlebridge export {called}` makes the zip for Fiji"
    ]
    try:
        notes.append(f"weights: {weights_file(folder).name}")
    except FileNotFoundError as error:
        problems.insert(0, str(error).removeprefix(f"{folder} "))
    if "n_rays" not in config:
        return Inspection(folder, "CARE model folder", problems=tuple(problems), notes=tuple(notes))
    axes = config.get("n_dim")
    if unknown := config.keys() - known_settings(axes):
        problems.insert(0, unknown_settings(folder, ", ".join(sorted(map(str, unknown)))))
    if axes != 2:
        problems[-1] = (
            "Fiji's StarDist plugin is 2-D; it runs in Python: "
            f"`particlebridge segment VOLUME --dims 3 --model {called}`"
        )
    with reraise_with_path(folder / "config.json", "describes no network", "copy the folder again"):
        grid, rays = _last_two(config.get("grid")), int(config["n_rays"])
    return Inspection(
        folder,
        f"StarDist {axes}D model folder",
        grid=grid,
        rays=rays,
        record=_record(folder, notes),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def known_settings(axes: Any) -> frozenset[str]:
    """List the settings that StarDist's configuration of so many axes has."""
    return _SETTINGS | (_OF_3D if axes == 3 else _OF_2D)


def _last_two(grid: Any) -> tuple[int, int]:
    """Give (y, x) of a grid; a 3-D one begins with z."""
    y, x = (int(step) for step in (grid or (1, 1))[-2:])
    return y, x


def _record(folder: Path, notes: list[str]) -> ModelRecord | None:
    """Collect the thresholds as loading the model would; None if the folder records none."""
    record: ModelRecord | None = None
    if (folder / RECORD_NAME).is_file():
        try:
            record = read_record(folder / RECORD_NAME)
        except ValueError as error:
            notes.append(str(error))
    own = folder / "thresholds.json"
    if own.is_file():
        try:
            entries = read_json(own)
            thresholds = Thresholds(float(entries["prob"]), float(entries["nms"]))
        except (ValueError, KeyError, TypeError):
            notes.append("thresholds.json holds no thresholds; StarDist would take 0.5 and 0.4")
            return record
        record = replace(record or ModelRecord(numerics="stardist"), thresholds=thresholds)
    return record
