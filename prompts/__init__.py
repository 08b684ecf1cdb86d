"""What is said to models: one file a prompt, `<area>/<name>.md`; the format stands in tools/models/prompts.py."""
