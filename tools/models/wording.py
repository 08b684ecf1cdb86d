"""Do two questions ask for the same? Cheap marks of a text that must all agree before an answer is used again.

Vectors cannot tell `node1 to node2` from `node2 to node1`, or `enable` from `disable`; these marks can. They are strict
on purpose: a paraphrase that is missed costs one call, a false hit costs trust. They know English (wording.toml); a
text in another language agrees only with one that differs in case, spacing and punctuation.
"""

import functools
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from importlib import resources
from typing import Any

_QUOTED = re.compile(r"\"([^\"]*)\"|`([^`]*)`|“([^”]*)”|(?<!\w)'([^']*)'(?!\w)")
_QUOTE = "\x00"  # stands for a quoted string among the other tokens
_AMOUNT = re.compile(r"([<>=~$€]*)(\d+(?:[.,]\d+)*)(%|[A-Za-z]{1,7})?")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_WORDS = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LEAD = r"\A(?:(?:in|on|at|for|by|from|with|to|of|since|until) )?"
_RUN = ("word", "name", "amount", "quoted")  # the kinds of tokens that say something by themselves

Token = tuple[str, str]  # kind, and how it is spelled


@dataclass(frozen=True)
class Marks:
    """What has to agree, each part as a tuple of plain strings in the order of the text."""

    asks: tuple[str, ...]  # what kind of answer is wanted, and whether of the past
    amounts: tuple[str, ...]
    quoted: tuple[str, ...]
    names: tuple[str, ...]  # identifiers, paths, addresses, signs, and capitalised words inside a sentence
    negations: tuple[str, ...]
    words: tuple[str, ...]  # what is left, sorted: endings off, words for the same thing made one
    order: tuple[str, ...]  # all of it as it stands: who does what to whom

    def differs(self, other: "Marks") -> str:
        """The first part that does not agree; empty where all do."""
        for field in fields(self):
            if getattr(self, field.name) != getattr(other, field.name):
                return field.name
        return ""

    @property
    def digest(self) -> str:
        """Equal for texts whose marks all agree. The text cannot be read from it."""
        return hashlib.sha256(repr(astuple(self)).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class _English:
    """wording.toml, ready for use."""

    lists: Mapping[str, frozenset[str]]
    same: Mapping[str, str]
    numbers: Mapping[str, str]
    modals: Mapping[str, str]
    phrases: tuple[tuple[re.Pattern[str], str], ...]
    asks: tuple[tuple[str, re.Pattern[str]], ...]


def marks(text: str) -> Marks:
    """The marks of a question."""
    text = " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace(_QUOTE, " ").split())
    quoted = tuple(next(part for part in found.groups() if part is not None) for found in _QUOTED.finditer(text))
    text = _QUOTED.sub(f" {_QUOTE} ", text).strip()
    for pattern, plain in _english().phrases:
        text = pattern.sub(plain, text)
    tokens = _of(list(_tokens(_clause_last(text))))
    if not any(kind in _RUN for kind, _ in tokens):
        tokens = [("all", text.casefold())]  # nothing but small words: then each of them counts
    kinds: dict[str, list[str]] = {kind: [] for kind in ("amount", "name", "negation", "word", "modal")}
    for kind, token in tokens:
        kinds.setdefault(kind, []).append(token)
    return Marks(
        _asked(text.lower()),
        tuple(kinds["amount"]),
        quoted,
        tuple(kinds["name"]),
        tuple(kinds["negation"]),
        tuple(sorted(kinds["word"] + kinds["modal"])),
        tuple(f"{kind} {token}" for kind, token in tokens if kind not in ("gap", "modal")),
    )


def _asked(plain: str) -> tuple[str, str]:
    english, words = _english(), plain.rstrip("?.! ").split()
    kind = next((name for name, pattern in english.asks if pattern.search(plain)), "")
    if words and words[0] in english.lists["yes_or_no"]:
        kind = "yes or no"
    return kind, "past" if english.lists["past"] & set(words) else ""


def _clause_last(text: str) -> str:
    """`Before the upgrade, take a snapshot` with its clause at the end, where others put it."""
    clause, comma, rest = text.partition(", ")
    first, _, more = clause.partition(" ")
    if comma and rest and first.lower() in _english().lists["clause_starts"]:
        return f"{rest.rstrip('?.! ')} {first.lower()} {more}{'?' if rest.endswith('?') else ''}"
    return text


def _tokens(text: str) -> Iterator[Token]:
    starts, last, pieces = True, "", text.split()
    for piece, following in itertools.zip_longest(pieces, pieces[1:], fillvalue=""):
        for token in _read(piece.lstrip("([{").rstrip(",;!?)]}").rstrip(".:"), starts, last, following):
            yield token
            last = token[0]
        starts = piece[-1] in ".!?:"


def _read(piece: str, starts: bool, last: str, following: str) -> Iterator[Token]:
    """One piece between spaces. `last`: the kind before it; `starts`: at the start of a sentence."""
    units = _english().lists["units"] | {"%"}
    owner = re.fullmatch(r"(.+?)(?:'s|s')", piece)
    bare = owner[1] if owner else piece
    amount = _AMOUNT.fullmatch(piece)
    if not piece:
        return
    if piece == _QUOTE:
        yield "quoted", ""
    elif amount is not None and (not amount[3] or amount[3].lower() in units):
        number = amount[2].replace(",", "") if _GROUPED.fullmatch(amount[2]) else amount[2]
        yield "amount", f"{amount[1]}{number}"
        if amount[3]:
            yield "word", _canonical(amount[3])
    elif last == "amount" and piece.lower() in units:
        yield "word", _canonical(piece)  # Mb is not MB
    elif _is_name(bare, starts):
        yield "name", bare
    else:
        for word in _WORD.findall(piece.lower()):
            yield _kind(word.removesuffix("'s"), following.lower())


def _is_name(bare: str, starts: bool) -> bool:
    """Anything but plain words; a word with capitals after the first letter; a capitalised one inside a sentence."""
    if not _WORDS.fullmatch(bare) or any(char.isupper() for char in bare[1:]):
        return True
    return bare[:1].isupper() and not starts and bare != "I"


def _kind(word: str, following: str) -> Token:
    english = _english()
    if word in english.numbers:
        return "amount", english.numbers[word]
    if word in english.lists["negations"]:
        return "negation", "not" if word == "no" else word
    if word in english.modals:
        return "modal", english.modals[word]
    if word == "of":
        return "of", word
    if len(word) == 1 and following in ("", "and", "or", "to"):
        return "name", word  # `zone a and zone b`
    if word in english.lists["being"] and following.endswith(tuple(english.lists["past_endings"])):
        return "word", "is"  # `trusted` and `is trusted` are not the same
    return ("gap", word) if word in english.lists["fillers"] else ("word", _canonical(word))


def _of(tokens: list[Token]) -> list[Token]:
    """`the rate of errors` as `errors rate`: the run of words after an `of` goes before the word in front of it."""
    lists = _english().lists
    while (at := next((place for place, token in enumerate(tokens) if token[0] == "of"), None)) is not None:
        head, start = max(0, at - 1), at + 1
        while start < len(tokens) and tokens[start][0] == "gap" and tokens[start][1] in lists["determiners"]:
            start += 1
        end = start
        while end < len(tokens) and tokens[end][0] in _RUN and tokens[end][1] not in lists["directions"]:
            end += 1
        tokens = [*tokens[:head], *tokens[start:end], *tokens[head:at], *tokens[end:]]
    return tokens


def _canonical(word: str) -> str:
    same = _english().same
    return same.get(word) or same.get(_stem(word)) or _stem(word)


def _stem(word: str) -> str:
    """Without the endings of number and tense."""
    hissing = word.endswith(("ses", "xes", "zes", "ches", "shes"))
    for ending in ("ing", "ies", "ied", "ed", "es" if hissing else "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith(("ss", "us", "is")):
            word = word[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
            doubled = len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeioulsz"
            return word[:-1] if doubled else word.removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


@functools.cache
def _english() -> _English:
    import tomllib

    text = resources.files(__package__).joinpath("wording.toml").read_text(encoding="utf-8")
    said: dict[str, Any] = tomllib.loads(text)
    same: dict[str, str] = {}
    for group in said["same"]:
        first, *_ = words = group.split()
        for word in words:
            same.setdefault(word, first)
            if len(_stem(word)) > 3:  # the stem of `setting` is not the verb
                same.setdefault(_stem(word), first)
    return _English(
        {name: frozenset(value.split()) for name, value in said.items() if isinstance(value, str)},
        same,
        {word: number for number, words in said["numbers"].items() for word in words.split()},
        {word: modal for modal, words in said["modals"].items() for word in words.split()},
        tuple((re.compile(one["from"], re.IGNORECASE), one["to"]) for one in said["phrases"]),
        tuple((one["kind"], re.compile(_LEAD + one["begins"])) for one in said["asks"]),
    )
