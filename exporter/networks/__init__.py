"""Model folders and bundles as one Network."""
