"""The requests that the weights are fitted on: parts with their specialists, and requests joined from them.

`training/*.txt`: under `# LABEL LANGUAGE` one request a line; under `# several LANGUAGE` parts `specialist: text`
between ` | `, and after ` => ` the order of work where it is not that of the text.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from opswright.agents.routing.scoring import NOBODY

FOLDER = Path(__file__).parent / "training"
NOBODYS = 0.06  # of the joined requests have a part for nobody
SAME = 0.25  # have parts for one specialist alone
# What ends a part that another one follows.
_STOPS = " .;,\u3002\uff0c"


@dataclass(frozen=True)
class Labelled:
    """One request: its parts' texts and specialists in the order of the text, and the specialists in that of work."""

    language: str
    parts: tuple[tuple[str, str], ...]  # (specialist or nobody, text); the texts together are the request
    order: tuple[str, ...]
    source: int  # requests joined from the same ones stay on one side of a split

    @property
    def text(self) -> str:
        """The request."""
        return "".join(text for _, text in self.parts)


def read_training() -> list[Labelled]:
    """All written requests."""
    found: list[Labelled] = []
    for path in sorted(FOLDER.glob("*.txt")):
        label, language = "", ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                label, language = line[2:].split()
            elif line.strip():
                found.append(_read(line, label, language, len(found)))
    return found


def _read(line: str, label: str, language: str, number: int) -> Labelled:
    if label != "several":
        name = _label(label)
        return Labelled(language, ((name, line),), () if name == NOBODY else (name,), number)
    body, _, order = line.partition(" => ")
    parts = [part.partition(": ") for part in body.split(" | ")]
    pairs = [(_label(name), text if not at else _spaced(text)) for at, (name, _, text) in enumerate(parts)]
    named = tuple(order.split()) if order else _order(pairs)
    return Labelled(language, tuple(pairs), named, number)


def _label(name: str) -> str:
    return NOBODY if name.strip() == "none" else name.strip()


def _spaced(text: str) -> str:
    return text if text[:1] in (",", ";", " ") or "\u3000" <= text[:1] <= "\uffff" else f" {text}"


def joined(written: Sequence[Labelled], count: int, seed: int) -> list[Labelled]:
    """Requests joined at random from written ones of one language: two or three parts, or one with background."""
    known = tomllib.loads((FOLDER / "joins.toml").read_text(encoding="utf-8"))
    joins: Mapping[str, Sequence[Sequence[str]]] = known["joins"]
    rng = Random(seed)
    found: list[Labelled] = []
    pools = {name: [one for one in written if one.language == name and _single(one)] for name in joins}
    nobodys = {name: [one for one in written if one.language == name and not one.order] for name in joins}
    names = [name for name in joins for _ in range(12 if name == "en" else 1)]
    while len(found) < count:
        name = rng.choice(names)
        if len(pools[name]) < 4:
            continue
        if name in known["background"] and rng.random() < 0.3:
            found.append(_with_background(rng.choice(pools[name]), known["background"][name], rng))
        else:
            several = 3 if rng.random() < 0.2 else 2
            parts = rng.sample(pools[name], several)
            if rng.random() < SAME:
                mine = [one for one in pools[name] if one.order == parts[0].order]
                parts = rng.sample(mine, several) if len(mine) >= several else parts
            if nobodys[name] and rng.random() < NOBODYS:
                parts[rng.randrange(len(parts))] = rng.choice(nobodys[name])
            found.append(_together(parts, joins[name], rng))
    return found


def _single(one: Labelled) -> bool:
    return len(one.parts) == 1 and bool(one.order)


def _together(parts: Sequence[Labelled], joins: Sequence[Sequence[str]], rng: Random) -> Labelled:
    opening, between = rng.choice(joins)
    texts = [(parts[0].parts[0][0], opening + _lower(parts[0].text, opening))]
    for part in parts[1:]:
        link = between if part is parts[1] else rng.choice(joins)[1]
        name, before = texts[-1]
        texts[-1] = (name, before.rstrip(_STOPS if before[-1:] != "?" or link[:1] == " " else "?"))
        within = not link.rstrip().endswith((".", "\u3002"))
        texts.append((part.parts[0][0], link + (_lower(part.text, link) if within else part.text)))
    return Labelled(parts[0].language, tuple(texts), _order(texts), parts[0].source)


def _order(texts: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(name for name, _ in texts if name != NOBODY)


def _with_background(one: Labelled, sentences: Sequence[str], rng: Random) -> Labelled:
    before = [rng.choice(sentences) for _ in range(rng.randrange(3))]
    after = [rng.choice(sentences) for _ in range(rng.randrange(0 if before else 1, 3))]
    text = " ".join([*before, one.text, *after])
    return Labelled(one.language, ((one.parts[0][0], text),), one.order, one.source)


def _lower(text: str, before: str) -> str:
    """A part inside a sentence begins with a small letter, unless it is a name or a code."""
    inside = before and text[1:2].islower() and text[:1].isascii()
    return text[:1].lower() + text[1:] if inside else text


def spans(one: Labelled) -> Iterator[tuple[int, str]]:
    """Where each part ends, and whose it is."""
    end = 0
    for name, text in one.parts:
        end += len(text)
        yield end, name
