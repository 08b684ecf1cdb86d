"""The index: among processes, after kills, damage and rebuilds."""
