"""Environments: live, being recorded, played back."""
