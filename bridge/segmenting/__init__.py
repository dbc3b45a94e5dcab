"""From slices to labels."""
