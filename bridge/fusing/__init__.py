"""From view stacks to labels, in memory and in blocks."""
