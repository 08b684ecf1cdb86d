"""The process sandbox, live: its contract, and what it does without root or without control groups."""
