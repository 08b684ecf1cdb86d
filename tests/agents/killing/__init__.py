"""What the kill tests run: a specialist and an effect with kill points, and the process that is killed."""
