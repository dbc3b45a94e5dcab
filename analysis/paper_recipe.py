"""What the public MATLAB code getAllFeatures counts differently from the physical recipe.

It works in voxels, takes every voxel for a cube, and calls the number of perimeter voxels a
surface. Its defects are not repeated: neighbour statistics over one neighbour only (all 0), a
density that mixes loop index and label, a crop one voxel too large, and a density divided by
voxels of a mask that is empty near the volume's edge.

References
----------
Li et al., Science 376 (2022) 517; YijinLiu-Lab/ParticleNetworkDynamics, part 3.
"""

import numpy as np

# MATLAB counts voxels from 1.
FIRST_INDEX = 1

# In voxels, and every voxel a cube.
SPACING = (1.0, 1.0, 1.0)


def matlab_round(values: np.ndarray) -> np.ndarray:
    """Round halves away from zero, as MATLAB does; numpy rounds them to even."""
    return np.sign(values) * np.floor(np.abs(values) + 0.5)
