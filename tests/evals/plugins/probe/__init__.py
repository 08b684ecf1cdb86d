"""A suite whose cases do what its data says: count, fail, wait, kill the process they run in, ask a model."""
