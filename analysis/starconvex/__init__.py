"""The Fiji plugin's numerics: grey values, candidates, non-maximum suppression, labels."""
