"""How is a language model asked: gateway, caches, recordings, structured output."""
