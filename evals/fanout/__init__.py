"""Where do cases run: in this process, in several of this machine, or on the workers of a dask cluster."""
