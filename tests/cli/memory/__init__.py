"""`opswright memory` through the real program."""
