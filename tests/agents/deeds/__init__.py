"""Effects for tests, loaded as a plug-in folder: one that must not happen twice, one that must be undone."""
