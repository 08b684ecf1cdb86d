"""What was right about a result: one file a scorer, each a pure function of a case's data and its result."""
