"""The requests that the weights are fitted on: texts of parts, each with its specialist, and requests joined from them.

`training/*.txt`: under `# LABEL LANGUAGE` one request a line; under `# several LANGUAGE` parts `specialist: text`
between ` | `, and after ` => ` the order of work where it is not that of the text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from opswright.agents.routing.scoring import NOBODY

FOLDER = Path(__file__).parent / "training"
# How two parts are joined: text between them, and whether the second comes first in the order of work.
JOINS: Mapping[str, Sequence[tuple[str, str]]] = {
    "en": [
        ("", " Then "),
        ("", ", then "),
        ("", " and then "),
        ("", ". After that, "),
        ("", "; also "),
        ("", " and "),
        ("", ". Also, "),
        ("", ", and "),
        ("", ". "),
        ("", "\n"),
        ("", " + "),
        ("", "; "),
        ("", ". Finally, "),
        ("", ", and afterwards "),
        ("", ". In addition, "),
        ("", ". And "),
        ("First ", ", then "),
        ("1. ", "\n2. "),
        ("", ". Based on that, "),
        ("", ". Once that's done, "),
        ("I need two things: ", ", and "),
        ("", "? And "),
        ("Could you please ", "? And also "),
        ("", ", but first "),
        ("", ". But before that, "),
    ],
    "de": [
        ("", ", dann "),
        ("", " und danach "),
        ("", ". Außerdem "),
        ("", " und "),
        ("", "; "),
        ("", ". "),
        ("Zuerst ", ", anschließend "),
    ],
    "fr": [
        ("", ", puis "),
        ("", " et ensuite "),
        ("", ". De plus, "),
        ("", " et "),
        ("", ". "),
        ("D'abord ", ", enfin "),
    ],
    "es": [
        ("", " y luego "),
        ("", ", después "),
        ("", ". Además, "),
        ("", " y "),
        ("", ". "),
        ("Primero ", ", y por último "),
    ],
    "it": [("", " e poi "), ("", ", dopo "), ("", ". Inoltre, "), ("", " e "), ("", ". "), ("Prima ", ", infine ")],
    "pt": [("", " e depois "), ("", ". Além disso, "), ("", " e "), ("", ". "), ("Primeiro ", ", por fim ")],
    "nl": [("", " en daarna "), ("", ". Daarnaast "), ("", " en "), ("", ". "), ("Eerst ", ", vervolgens ")],
    "sv": [("", " och sedan "), ("", ". Dessutom "), ("", " och "), ("", ". ")],
    "pl": [("", ", a potem "), ("", ". Ponadto "), ("", " i "), ("", ". "), ("Najpierw ", ", następnie ")],
    "ru": [("", ", затем "), ("", ". Кроме того, "), ("", " и "), ("", ". "), ("Сначала ", ", потом ")],
    "cs": [("", " a potom "), ("", ". Navíc "), ("", " a "), ("", ". ")],
    "tr": [("", ", sonra "), ("", ". Ayrıca "), ("", " ve "), ("", ". ")],
    "zh": [("", "，然后"), ("", "。另外，"), ("", "，"), ("", "。"), ("先", "，再")],
    "ja": [("", "。その後、"), ("", "。また、"), ("", "。"), ("まず", "。次に")],
    "ko": [("", " 그다음 "), ("", ". 또한 "), ("", ". ")],
}
BACKGROUND = {
    "en": [
        "I'm new here.",
        "Hi,",
        "Good morning!",
        "Thanks in advance.",
        "It's urgent.",
        "My manager wants this by noon.",
        "Please be brief.",
        "A rough answer is enough.",
        "Nobody on the team knows.",
        "We've had this since Monday.",
        "Sorry for the long message.",
        "Please explain each step.",
        "I don't want to break anything.",
        "Any ideas?",
        "What would you suggest?",
        "Keep it simple.",
        "Write the result down for the report.",
        "Can you help?",
        "The colleague who set it up has left.",
        "We have until Friday.",
        "Please don't change anything yet.",
    ],
    "de": ["Es eilt.", "Danke im Voraus.", "Ich bin neu hier.", "Kannst du helfen?"],
    "fr": ["C'est urgent.", "Merci d'avance.", "Bonjour,"],
    "es": ["Es urgente.", "Gracias de antemano.", "Hola,"],
}


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
        name = NOBODY if label == "none" else label
        return Labelled(language, ((name, line),), () if name == NOBODY else (name,), number)
    body, _, order = line.partition(" => ")
    parts = [part.partition(": ") for part in body.split(" | ")]
    pairs = [(name.strip(), text if not at else _spaced(text)) for at, (name, _, text) in enumerate(parts)]
    named = tuple(order.split()) if order else tuple(name for name, _ in pairs)
    return Labelled(language, tuple(pairs), named, number)


def _spaced(text: str) -> str:
    return text if text[:1] in (",", ";", " ") or "\u3000" <= text[:1] <= "\uffff" else f" {text}"


def joined(written: Sequence[Labelled], count: int, seed: int) -> list[Labelled]:
    """Requests joined at random from written ones of one language: two or three parts, or one with background."""
    rng, found = Random(seed), []
    pools = {
        name: [one for one in written if one.language == name and len(one.parts) == 1 and one.order] for name in JOINS
    }
    names = [name for name in JOINS for _ in range(12 if name == "en" else 1)]
    while len(found) < count:
        name = rng.choice(names)
        if len(pools[name]) < 4:
            continue
        if name in BACKGROUND and rng.random() < 0.3:
            found.append(_with_background(rng.choice(pools[name]), BACKGROUND[name], rng))
        else:
            parts = rng.sample(pools[name], 3 if rng.random() < 0.2 else 2)
            found.append(_together(parts, rng.choice(JOINS[name]), rng, JOINS[name]))
    return found


def _together(
    parts: Sequence[Labelled], join: tuple[str, str], rng: Random, joins: Sequence[tuple[str, str]]
) -> Labelled:
    opening, between = join
    texts = [
        (
            parts[0].parts[0][0],
            opening + _lower(parts[0].text, opening).rstrip(".。 " if between[:1] in ",.;， " else ""),
        )
    ]
    for part in parts[1:]:
        last = between if part is parts[1] else rng.choice([one for _, one in joins])
        end = (
            texts[-1][1].rstrip(" .;,。，")
            if not texts[-1][1].endswith("?") or last[:1] == " "
            else texts[-1][1].rstrip("?")
        )
        texts[-1] = (texts[-1][0], end)
        texts.append(
            (
                part.parts[0][0],
                last + (_lower(part.text, last) if not last.rstrip().endswith((".", "。")) else part.text),
            )
        )
    order = tuple(name for name, _ in texts)
    return Labelled(parts[0].language, tuple(texts), order, parts[0].source)


def _with_background(one: Labelled, sentences: Sequence[str], rng: Random) -> Labelled:
    name = one.parts[0][0]
    before, after = f"{rng.choice(sentences)} {one.text}", f"{one.text} {rng.choice(sentences)}"
    return Labelled(one.language, ((name, rng.choice([before, after])),), one.order, one.source)


def _lower(text: str, before: str) -> str:
    """A part inside a sentence begins with a small letter, unless it is a name or a code."""
    second = text[1:2]
    return text[:1].lower() + text[1:] if before and second.islower() and text[:1].isascii() else text


def spans(one: Labelled) -> Iterator[tuple[int, str]]:
    """Where each part ends, and whose it is."""
    end = 0
    for name, text in one.parts:
        end += len(text)
        yield end, name
