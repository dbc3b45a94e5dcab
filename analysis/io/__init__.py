"""Single files: atomic writing, one-sentence errors, pixels of images."""
