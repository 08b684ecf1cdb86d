"""Foreign text in our messages: never more than one line, never endless."""

LIMIT = 60


def quoted(text: str, limit: int = LIMIT) -> str:
    """The text in quotes, line breaks and other control characters spelled out, cut where it is long."""
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")


def plain(text: str, limit: int = 200) -> str:
    """The same without quotes, for a sentence."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
