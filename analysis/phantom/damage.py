"""The rule by which the generator breaks particles: depth, size, contact and a little chance."""

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import spsolve

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
    touching: np.ndarray | None = None,
    coupling: float = 0.0,
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
    touching
        (pairs, 2) numbers of the particles that touch; needed for `coupling` only.
    coupling
        How far chance is shared by particles that touch, 0 (not at all) to below 1: see
        `shared_chance`.
    """
    late = float(np.clip(np.log(cycles / 10) / np.log(5), 0, 1))
    wd, ws, wc = (1 - late) * np.array(_WEIGHTS[10]) + late * np.array(_WEIGHTS[50])
    score = wd * (1 - depth) + ws * size + wc * np.minimum(contact / 0.35, 1)
    chance = rng.normal(0, _CHANCE, len(depth))
    if coupling:
        assert touching is not None
        chance = shared_chance(chance, touching, coupling)
    score = score + chance
    return (_LEAST + 0.30 * (cycles / 50) ** 0.5 * (score - 0.1)).clip(_LEAST, _MOST)


def shared_chance(chance: np.ndarray, touching: np.ndarray, coupling: float) -> np.ndarray:
    """Let what happens to a particle depend on what happens to those that touch it.

    Each value becomes its own chance plus `coupling` times the mean of its neighbours' values, the
    simultaneous autoregression of P. Whittle, *Biometrika* 41 (1954), 434-449. The spread of all
    values stays as it was.

    Parameters
    ----------
    chance
        (n,) independent values of mean 0.
    touching
        (pairs, 2) numbers of the particles that touch, each pair once.
    coupling
        0 to below 1.
    """
    n = len(chance)
    here, there = np.concatenate([touching, touching[:, ::-1]]).T
    share = 1 / np.bincount(here, minlength=n)[here]
    mean_of_neighbours = csr_array((share, (here, there)), shape=(n, n))
    mixed = spsolve((eye_array(n) - coupling * mean_of_neighbours).tocsc(), chance)
    return np.asarray(mixed * chance.std() / mixed.std())
