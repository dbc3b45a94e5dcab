"""Material and void inside a particle, from grey values."""
