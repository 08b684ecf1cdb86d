"""How a text becomes a vector: the port, and the offline embedder that needs neither a model nor a network."""
