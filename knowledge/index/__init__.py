"""Where is it found again: an index of words and vectors that is derived from the journal and can be rebuilt."""
