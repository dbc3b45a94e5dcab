"""The run folder, views on disk, finished pieces, blocks, memory plan and Dask."""
