"""The window in which a person looks at particles: the only folder that imports napari."""
