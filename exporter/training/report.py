"""The report of a training: curves, scores and the worst examples, in one HTML file."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from particlebridge.analysis import atomic_path
from skimage.segmentation import find_boundaries

from .examples import Example, Split
from .threshold_tuning import Evaluation

if TYPE_CHECKING:
    from .result import TrainingResult

_WORST = 6
_SIDE = 384
_TRUTH, _FOUND = (0.0, 0.75, 0.35), (0.95, 0.2, 0.7)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Training of {{ name }}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse}
td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}img{max-width:100%}figure{margin:0 0 1.5rem}
.note{background:#fff4d6;padding:.5rem 1rem;border-left:4px solid #e0a800}
</style></head><body>
<h1>Training of {{ name }}</h1>
<p>{{ n_train }} images to learn from, {{ n_validation }} held out to choose the epoch and the
thresholds, {{ n_unseen }} unseen. {{ epochs }} epochs
{%- if resumed %}, the first {{ resumed }} of them before an interruption{% endif %};
best validation loss {{ best }} in epoch {{ best_epoch }}.
Object threshold {{ prob }}, overlap threshold {{ nms }}.
Typical particle diameter {{ diameter }} pixels.</p>
{% for note in notes %}<p class="note">{{ note }}</p>{% endfor %}
<h2>Loss</h2><img alt="Loss over epochs" src="data:image/png;base64,{{ loss }}">
<h2>F1</h2><img alt="F1 over IoU" src="data:image/png;base64,{{ f1 }}">
<h3>Unseen images</h3>
{% if unseen %}<p>They chose nothing: this is what to expect of other images of this kind.
F1 {{ unseen_f1 }} at IoU 0.5.</p>
{{ unseen }}
{% else %}<p>None: all images were needed to train and to choose. Judge the model on others.</p>
{% endif %}
<h3>Tuning images</h3>
<p>They chose the best epoch and the thresholds, so that these scores flatter.
F1 {{ tuning_f1 }} at IoU 0.5.</p>
{{ table }}
<h2>Worst examples</h2>
{% if worst %}<p>Drawn by hand: green. Found: magenta.</p>
{% else %}<p>None: in all these images F1 is 1.00 at IoU 0.5.</p>{% endif %}
{% for caption, picture in worst %}<figure><figcaption>{{ caption }}</figcaption>
<img alt="{{ caption }}" src="data:image/png;base64,{{ picture }}"></figure>{% endfor %}
<h2>Settings</h2><table>
{% for key, value in settings %}<tr><td>{{ key }}</td><td>{{ value }}</td></tr>
{% endfor %}</table>
</body></html>
"""


def write_report(
    path: Path,
    result: "TrainingResult",
    split: Split,
    evaluation: Evaluation,
    unseen: Evaluation | None,
    settings: dict[str, Any],
) -> None:
    """Write training.html.

    Parameters
    ----------
    path
        The file; it appears whole or not at all.
    result, split, evaluation, unseen
        Of the training; on the held-out images, and on the unseen ones if there are any.
    settings
        What training.json holds.
    """
    best = result.history.iloc[int(result.history["val_loss"].to_numpy().argmin())]
    options = dict(settings["options"])
    augmentation = options.pop("augmentation")
    flat = {**options, **{f"versions: {k}": v for k, v in settings["versions"].items()}}
    flat |= {k: settings[k] for k in ("seed", "dims", "start")}
    flat |= {f"augmentation: {k}": v for k, v in (augmentation or {"at all": "none"}).items()}
    page = Environment(autoescape=True).from_string(_PAGE)
    text = page.render(
        name=result.path.name,
        n_train=len(split.train),
        n_validation=len(split.validation),
        n_unseen=len(split.unseen),
        epochs=len(result.history),
        resumed=result.resumed_at,
        best=f"{best['val_loss']:.4f}",
        best_epoch=int(best["epoch"]),
        prob=f"{result.thresholds.prob:g}",
        nms=f"{result.thresholds.nms:g}",
        diameter=f"{result.diameter:.1f}",
        notes=result.notes,
        loss=_loss_curves(result),
        f1=_f1_curve(result),
        table=_table(evaluation),
        unseen=None if unseen is None else _table(unseen),
        tuning_f1=f"{result.f1[0.5]:.2f}",
        unseen_f1="" if result.f1_unseen is None else f"{result.f1_unseen[0.5]:.2f}",
        worst=_worst([(split.validation, evaluation), (split.unseen, unseen)]),
        settings=flat.items(),
    )
    with atomic_path(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _table(evaluation: Evaluation) -> "_Safe":
    rows = evaluation.images.sort_values("PQ").round(3)
    return _Safe(rows.to_html(index=False, border=0, escape=True))


class _Safe(str):
    """HTML that jinja2 shall not escape; pandas has escaped the cells."""

    def __html__(self) -> str:
        return self


def _loss_curves(result: "TrainingResult") -> str:
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(result.history["epoch"], result.history["loss"], label="training")
    axes.plot(result.history["epoch"], result.history["val_loss"], label="held out")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(frameon=False)
    return _png(figure)


def _f1_curve(result: "TrainingResult") -> str:
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    if result.before is not None:
        axes.plot(
            list(result.before), list(result.before.values()), "o--", label="tuning images, before"
        )
    axes.plot(list(result.f1), list(result.f1.values()), "o-", label="tuning images")
    if result.f1_unseen is not None:
        axes.plot(
            list(result.f1_unseen), list(result.f1_unseen.values()), "s-", label="unseen images"
        )
    axes.set(xlabel="IoU at which a particle counts as found", ylabel="F1", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return _png(figure)


def _worst(parts: list[tuple[list[Example], Evaluation | None]]) -> list[tuple[str, str]]:
    """Show the poorest images, around the place where truth and result differ most.

    None in which every particle is found is among them.
    """
    poor = [
        (row, example, found)
        for examples, evaluation in parts
        if evaluation is not None
        for (_, row), example, found in zip(
            evaluation.images.iterrows(), examples, evaluation.labels, strict=True
        )
        if round(row["F1@0.5"], 2) < 1
    ]
    shown = []
    for row, example, found in sorted(poor, key=lambda each: each[0]["PQ"])[:_WORST]:
        image, truth = example.image, example.labels
        if image.ndim > truth.ndim:
            image = image.mean(axis=-1)
        if truth.ndim == 3:
            differs = ((truth > 0) != (found > 0)).sum(axis=(1, 2))
            plane = int(differs.argmax())
            image, truth, found = image[plane], truth[plane], found[plane]
        window = _busiest(((truth > 0) != (found > 0)) & (truth >= 0))
        image, truth, found = image[window], np.maximum(truth[window], 0), found[window]
        grey = np.repeat(np.clip(image, 0, 1)[..., None], 3, axis=-1)
        drawn = grey.copy()
        drawn[find_boundaries(truth, mode="inner")] = _TRUTH
        drawn[find_boundaries(found, mode="inner")] = _FOUND
        figure = Figure(figsize=(10, 5), layout="constrained")
        for axes, picture in zip(figure.subplots(1, 2), (grey, drawn), strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.axis("off")
        caption = (
            f"{row['image']}: {row['truth']} drawn, {row['found']} found, "
            f"F1 {row['F1@0.5']:.2f} at IoU 0.5"
        )
        shown.append((caption, _png(figure)))
    return shown


def _busiest(differs: np.ndarray) -> tuple[slice, slice]:
    """Return the window of at most _SIDE pixels around the middle of the differences."""
    where = np.argwhere(differs)
    middle = np.median(where, axis=0) if len(where) else np.array(differs.shape) / 2
    window = []
    for centre, size in zip(middle, differs.shape, strict=True):
        first = int(min(max(centre - _SIDE / 2, 0), max(size - _SIDE, 0)))
        window.append(slice(first, first + _SIDE))
    return window[0], window[1]


def _png(figure: Figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    return base64.b64encode(data.getvalue()).decode()
