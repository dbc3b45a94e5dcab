"""Reading and writing volumes, images, labels and tables; voxel size; field of view."""
