"""Reviewing the particles of a run: the log of corrections, and labels edited in memory."""
