"""How the shipped model `nmc` was trained; log.csv is the log of that run.

The command was ``python -m particlebridge.exporter.training.nmc --out DIR --threads 1``.
"""
