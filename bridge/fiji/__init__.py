"""A real Fiji: find, install, start, run and diagnose it."""
