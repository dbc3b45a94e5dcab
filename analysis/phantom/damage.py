"""The rule by which the generator breaks particles: depth, size, contact and a little chance."""

import numpy as np

# Weights of depth, size and contact after 10 and after 50 cycles; each driver runs over 0..1.
_WEIGHTS = {10: (0.32, 0.42, 0.48), 50: (0.44, 0.32, 0.52)}
_CHANCE = 0.075  # standard deviation of what no driver explains
_LEAST, _MOST = 0.01, 0.36


def damage_rule(
    depth: np.ndarray,
    size: np.ndarray,
    contact: np.ndarray,
    cycles: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Give each particle the share of its body that becomes void.

    ``score = wd (1 - depth) + ws size + wc min(contact / 0.35, 1) + chance`` and
    ``damage = 0.01 + 0.30 s(cycles) (score - 0.1)``, kept within 0.01 and 0.36. So damage
    falls with depth (the separator side breaks first), grows with size and grows with contact.
    s is (cycles / 50)^0.5: about 0.45 at 10 cycles, 1 at 50. The weights (wd, ws, wc) pass from
    (0.32, 0.42, 0.48) at 10 cycles to (0.44, 0.32, 0.52) at 50, linearly in log(cycles): early on a
    particle's own size decides, later its place.

    Parameters
    ----------
    depth
        (n,) 0 at the separator (low z), 1 at the current collector.
    size
        (n,) logarithm of the radius between the smallest (0) and the largest (1).
    contact
        (n,) share of the body's surroundings that is other particles, 0 to 1.
    cycles
        Charge cycles the electrode went through, 10 to 50.
    rng
        Source of chance.
    """
    late = float(np.clip(np.log(cycles / 10) / np.log(5), 0, 1))
    wd, ws, wc = (1 - late) * np.array(_WEIGHTS[10]) + late * np.array(_WEIGHTS[50])
    score = wd * (1 - depth) + ws * size + wc * np.minimum(contact / 0.35, 1)
    score = score + rng.normal(0, _CHANCE, len(depth))
    return (_LEAST + 0.30 * (cycles / 50) ** 0.5 * (score - 0.1)).clip(_LEAST, _MOST)
