"""What do the results look like: one self-contained page of tables and cost against quality, with baselines."""
