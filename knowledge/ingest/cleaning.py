"""Text of a manual made harmless: no control characters, nothing that hides or reorders what is read."""

import re

# Controls but newline and tab; what has no width; what reorders; surrogates; tags and variation selectors.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def clean(text: str) -> str:
    """The text with every line end a newline and every other control, invisible and reordering character cut out."""
    return _HARMFUL.sub("", _LINE_ENDS.sub("\n", text))
