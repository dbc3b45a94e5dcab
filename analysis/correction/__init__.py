"""Corrections by hand: which particles need them, and what a person did, done again on labels."""
