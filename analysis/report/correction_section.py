"""The report's chapter on corrections by hand: what was corrected, and what that changed."""

from collections.abc import Mapping
from typing import Any

from .._shared.wording import fixed, listing, percent, plural
from .section import Section

_ACTS = {
    "accept": "accepted",
    "unsure": "marked as not sure",
    "delete": "deleted",
    "merge": "merged",
    "split": "split",
    "cut": "cut by a plane",
    "paint": "painted, erased or added",
}


def correction_section(corrections: Mapping[str, Mapping[str, Any]]) -> Section:
    """Answer what a person corrected.

    Parameters
    ----------
    corrections
        Volume -> what `particlebridge.bridge` notes of its corrections in run.json.
    """
    section = Section("corrections", "What was corrected by hand?")
    corrected = 0
    for volume, notes in corrections.items():
        named = f"{volume}: " if len(corrections) > 1 else ""
        corrected += notes["changed_particles"]
        section.answers.append(f"{named}{_words(notes)}")
        misfits = notes["no_longer_fits"]
        if misfits:
            lines = listing([f"line {one['line']} ({one['act']})" for one in misfits[:5]])
            more = f" and {len(misfits) - 5} more" if len(misfits) > 5 else ""
            section.notes.append(
                f"{named}{plural(len(misfits), 'correction')} no longer fit the particles and "
                f"changed nothing: {lines}{more} of corrections.jsonl. run.json says why."
            )
    changed = f"{plural(corrected, 'particle')} of these {'were' if corrected != 1 else 'was'}"
    section.summary["particles"] = f"{changed} corrected by hand."
    return section


def _words(notes: Mapping[str, Any]) -> str:
    acts = [f"{n} {_ACTS[name]}" for name, n in notes["acts"].items() if name in _ACTS]
    said = f"{plural(sum(notes['acts'].values()), 'act')} in force"
    said += f" ({listing(acts)})" if acts else ""
    said += (
        f": {plural(notes['changed_particles'], 'particle')} corrected or added, "
        f"{notes['taken_out']} taken out; {plural(notes['particles_fused'], 'particle')} before, "
        f"{notes['particles']} now."
    )
    damage = notes["mean_damage"]
    if None not in damage.values():
        said += (
            f" Mean Damage of whole particles was {percent(damage['fused'])} before and is "
            f"{percent(damage['corrected'])} now."
        )
    f1 = notes["f1_of_fused"]
    said += (
        f" Against the corrected particles, those of the machine reach F1 {fixed(f1['0.5'], 3)} at "
        f"IoU 0.5 and {fixed(f1['0.75'], 3)} at 0.75. Particles that nobody looked at count as "
        "right, so this is an upper bound."
    )
    return said
