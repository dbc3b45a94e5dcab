"""How the shipped model `nmc` was trained: ``python -m particlebridge.exporter.nmc --out DIR``."""
