"""Is the damage of a state synchronous: its spread, and how far touching particles share it."""
