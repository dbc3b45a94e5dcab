"""How the shipped model `nmc` is trained; log.csv is the log of the run that made it.

The command was ``python -m particlebridge.exporter.training.nmc --out DIR --threads 1``. That run
drew the patches of each epoch by another generator; the settings are the same.
"""
