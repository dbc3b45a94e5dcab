"""Generated electrodes and training slices."""
