"""The greenhouse specialist."""
