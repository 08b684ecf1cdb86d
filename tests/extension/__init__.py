"""Room for more: a second specialist is added as one folder each, and nothing that exists is touched."""
