"""Corrections by hand: what a person did to particles, done again on labels."""
