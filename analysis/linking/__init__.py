"""Linking of particles between slices, and the public method's point linkers."""
