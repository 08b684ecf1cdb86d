"""The fields' vocabularies: which concepts (`sql.query`, `common.slow`) a request's words stand for.

One TOML file a field under `fields/`. An entry is a word (`disk`), a stem (`gluster*`), the inside of a compound
(`*speicher*`), or several of them in a row (`file system*`; a lone `*` is up to three words). Entries of a language
count where the request is in that language; `any` always, `en` too, `more` (rarer languages) where no other was
recognised.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache
from pathlib import Path

from opswright.agents.routing.words import Form, Token, elements, tokens_of, unspaced_words

FOLDER = Path(__file__).parent / "fields"
OTHERS = ("common", "nobody")  # vocabularies of no specialist
GAP = 3  # words that a lone `*` stands for at most
KNOWN = 0.6  # what an entry of a language says for it, a frequent word being 1
RECOGNISED = 2.0  # from here on a text is in no rarer language
_SCRIPTS = (("ru", "\u0400-\u04ff"), ("ja", "\u3040-\u30ff"), ("ko", "\uac00-\ud7af"), ("zh", "\u4e00-\u9fff"))
_ALPHABETS = tuple((name, re.compile(f"[{letters}]")) for name, letters in _SCRIPTS)


@dataclass(frozen=True, slots=True)
class Hit:
    """A concept in a text: its first token, how many it takes, and whether they stand in one row."""

    at: int
    size: int
    concept: str


@dataclass(frozen=True, slots=True)
class _Entry:
    rest: tuple[str, ...]
    concept: str
    language: str


@dataclass(frozen=True)
class Vocabulary:
    """All vocabularies together. `files`: globs of names by field; `summaries`: what each field does and does not."""

    forms: tuple[Form, ...]
    files: tuple[tuple[str, re.Pattern[str]], ...]
    languages: Mapping[str, frozenset[str]]
    summaries: Mapping[str, tuple[str, str]]
    unspaced: frozenset[str]
    _words: Mapping[str, Sequence[_Entry]] = field(repr=False)
    _stems: Mapping[str, Sequence[_Entry]] = field(repr=False)
    _inner: Mapping[str, tuple[re.Pattern[str], Mapping[str, Sequence[_Entry]]]] = field(repr=False)

    def tokens(self, text: str) -> list[Token]:
        """The tokens of a text."""
        return tokens_of(text, self.forms, self.unspaced)

    def spoken(self, tokens: Sequence[Token]) -> frozenset[str]:
        """The languages a text may be in, for its entries: by alphabet, by frequent and known words, else all."""
        words = [token.text for token in tokens if not token.form]
        text = "".join(words)
        found = {name for name, letters in _ALPHABETS if letters.search(text)}
        if found:
            return frozenset({"any", "en"} | (found - {"zh"} if "ja" in found else found))
        counts = {name: sum(word in listed for word in words) + 0.0 for name, listed in self.languages.items()}
        for word in words:
            for language in {entry.language for entry in self._entries(word, self.languages) if not entry.rest}:
                if language in counts and word not in self.languages[language]:
                    counts[language] += KNOWN
        most = max(counts.values(), default=0.0)
        if not most:
            return frozenset({"any", "en", "more", *self.languages})
        if counts["en"] == most and most > 1:
            return frozenset({"any", "en"})
        close = {name for name, count in counts.items() if count >= most - most / 4}
        return frozenset({"any", "en"} | close | ({"more"} if most < RECOGNISED else set()))

    def hits(self, tokens: Sequence[Token], spoken: frozenset[str]) -> list[Hit]:
        """The concepts of a text in order, those inside a longer one left out."""
        found: set[Hit] = set()
        for at, token in enumerate(tokens):
            if token.form:
                found.update(Hit(at, 1, concept) for concept in self._form(token))
                continue
            for entry in self._entries(token.text, spoken):
                size = _match(tokens, at + 1, entry.rest) if entry.language in spoken else None
                if size is not None:
                    found.add(Hit(at, 1 + size, entry.concept))
        return _outer(found)

    def _form(self, token: Token) -> Iterator[str]:
        if token.form != "file":
            yield token.form
            return
        name = token.text.rpartition("/")[2].casefold()
        known = {field for field, glob in self.files if glob.match(name)}
        yield from (f"{field}.file" for field in sorted(known))
        if not known:
            yield "common.file"

    def _entries(self, word: str, spoken: Iterable[str]) -> Iterator[_Entry]:
        yield from self._words.get(word, ())
        for size in range(2, len(word) + 1):
            yield from self._stems.get(word[:size], ())
        if len(word) > 3 or not word.isascii():
            for language in spoken:
                if language in self._inner:
                    pattern, entries = self._inner[language]
                    for inside in set(pattern.findall(word)):
                        yield from (one for one in entries[inside] if _fits(word, inside, one))


def _fits(word: str, inside: str, entry: _Entry) -> bool:
    return entry.rest != ("$",) or word.endswith(inside)


def _match(tokens: Sequence[Token], at: int, rest: Sequence[str]) -> int | None:
    """How many tokens from `at` on the elements take; None where they do not fit."""
    if not rest or rest == ("$",):
        return 0
    if rest[0] == "*":
        for skipped in range(GAP + 1):
            size = _match(tokens, at + skipped, rest[1:])
            if size is not None:
                return skipped + size
        return None
    if at >= len(tokens) or not _same(tokens[at], rest[0]):
        return None
    size = _match(tokens, at + 1, rest[1:])
    return None if size is None else size + 1


def _same(token: Token, element: str) -> bool:
    if token.form:
        return False
    if element.endswith("*"):
        return token.text.startswith(element[:-1])
    return token.text == element


def _outer(hits: Iterable[Hit]) -> list[Hit]:
    """Hits in order without those that lie inside a longer one: `access log` is not about access."""
    ordered = sorted(hits, key=lambda hit: (hit.at, -hit.size, hit.concept))
    kept: list[Hit] = []
    longest: Hit | None = None
    for hit in ordered:
        if longest and hit.size < longest.size and hit.at + hit.size <= longest.at + longest.size:
            continue
        kept.append(hit)
        if longest is None or hit.at + hit.size > longest.at + longest.size or hit.size > longest.size:
            longest = hit
    return kept


@cache
def grammar(name: str) -> frozenset[str]:
    """One of the closed sets of words of `grammar.toml`."""
    return frozenset(tomllib.loads((FOLDER / "grammar.toml").read_text(encoding="utf-8"))[name])


def _file_form() -> Form:
    """File names; a kind must follow the last dot, with or without a packer's."""
    kinds = "|".join(sorted(grammar("files"), key=lambda kind: (-len(kind), kind)))
    pattern = rf"(?<![\w@.])[\w~./-]{{0,200}}\w\.(?:{kinds})(?:\.(?:gz|zst|\d+))?\b(?![./]\w)"
    return Form("file", re.compile(pattern, re.ASCII))


def _name_form() -> Form:
    """Names with hyphens after what they name."""
    nouns = "|".join(sorted(grammar("named"), key=lambda noun: (-len(noun), noun)))
    return Form("common.name", re.compile(rf"(?i)\b(?:{nouns})\s+([a-z0-9]+(?:-[a-z0-9]+)+)\b(?!\.)"))


@cache
def read_vocabulary() -> Vocabulary:
    """The vocabularies of the program, read once."""
    texts = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    languages = texts.pop("languages")
    connectives = texts.pop("connectives")
    del texts["grammar"]  # no vocabulary
    forms = [_file_form()]
    words: dict[str, list[_Entry]] = defaultdict(list)
    stems: dict[str, list[_Entry]] = defaultdict(list)
    inner: dict[str, dict[str, list[_Entry]]] = defaultdict(lambda: defaultdict(list))
    patterns: dict[str, None] = {}
    for owner, text in texts.items():
        forms += [Form(f"{owner}.{name}", re.compile(one)) for name, one in text.get("forms", {}).items()]
        for name, entries in text["concepts"].items():
            for language, listed in entries.items():
                for pattern in listed:
                    patterns[pattern] = None
                    _add(pattern, f"{owner}.{name}", language, words, stems, inner)
    for kind in connectives.values():
        patterns.update((pattern, None) for listed in kind.values() for pattern in listed)
    files = [(owner, re.compile(translate(glob))) for owner, text in texts.items() for glob in text.get("files", [])]
    return Vocabulary(
        forms=(*forms, _name_form()),
        files=tuple(files),
        languages={name: frozenset(listed) for name, listed in languages.items()},
        summaries={name: (text["summary"], text["not_its_work"]) for name, text in texts.items() if name not in OTHERS},
        unspaced=unspaced_words(patterns),
        _words=dict(words),
        _stems=dict(stems),
        _inner={language: _inside(entries) for language, entries in inner.items()},
    )


def _inside(entries: Mapping[str, list[_Entry]]) -> tuple[re.Pattern[str], Mapping[str, Sequence[_Entry]]]:
    longest_first = sorted(entries, key=lambda one: (-len(one), one))
    return re.compile("|".join(map(re.escape, longest_first))), dict(entries)


def _add(
    pattern: str,
    concept: str,
    language: str,
    words: dict[str, list[_Entry]],
    stems: dict[str, list[_Entry]],
    inner: dict[str, dict[str, list[_Entry]]],
) -> None:
    first, *rest = elements(pattern)
    if language == "ko" and not rest and "*" not in first:
        first = f"*{first}*" if len(first) > 1 else f"{first}*"  # particles follow, compounds precede
    elif language == "ko":
        first, rest = f"{first}*", [f"{one}*" for one in rest]
    if first.startswith("*"):
        ends = () if first.endswith("*") else ("$",)
        inner[language][first.strip("*")].append(_Entry(tuple(rest) or ends, concept, language))
    elif first.endswith("*"):
        stems[first[:-1]].append(_Entry(tuple(rest), concept, language))
    else:
        words[first].append(_Entry(tuple(rest), concept, language))
