"""The second specialist's own tests run in the copy of the project that it is added to."""

collect_ignore = ["one-folder-each"]
