"""What two or more stages use."""
