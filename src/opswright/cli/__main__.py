"""`python -m opswright.cli` is the program too."""

from opswright.cli.entry import main

main()
