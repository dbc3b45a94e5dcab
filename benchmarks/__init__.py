"""Measured comparisons with peers; run by hand with `python -m benchmarks`."""
