"""The Engine protocol, its settings, and the Python engine."""
