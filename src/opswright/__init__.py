"""What is the program: command line, settings, errors and the nouns every folder shares."""

__version__ = "0.1.0"
