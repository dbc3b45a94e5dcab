"""What all stages use: progress on a terminal or in a log, and what an item's failure is."""
