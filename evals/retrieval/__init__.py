"""How well is a question answered from manuals: GlusterFS option help and man pages as they are installed here."""
