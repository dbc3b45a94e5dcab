"""Writing, inspecting and verifying TF1 SavedModel bundles."""
