"""What a turn is about, by rules alone: talk about the session, work, or work that follows from the turn before.

A request follows when it is short and leans on what came before (`now`, `again`, `it`, `that one`, `stricter`). It then
goes to the specialist of the last turn where its own words name nobody, and that specialist gets its earlier result.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.chat.facts import Facts, latest_by_specialist
from opswright.agents.files import File
from opswright.agents.outcomes import TaskOutcome
from opswright.agents.routing import Field, route

LONGEST_FOLLOW_UP = 20  # words; a longer request says itself what it is about


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_LEANS = _any(
    r"^(?:now|again|also|and|but|then|instead|same|ok(?:ay)?|yes|no)\b",
    r"\b(?:it|its|that|this|them|they|these|those|again|instead|stricter|looser|further)\b",
    r"\bthe (?:same|last|previous)\b",
)
_GREETING = _any(
    r"^(?:hi|hello|hey|cheers|bye|goodbye|ok(?:ay)?|great|perfect|nice|cool|help)(?: (?:there|opswright|all|me))?$",
    r"^good (?:morning|afternoon|evening|day)$",
    r"^(?:many )?thanks?(?: you)?(?: (?:again|a lot|so much|very much))?$",
    r"^(?:(?:many )?thanks?(?: you)?,? )?(?:that|this|it) (?:was|is) (?:very |so |really |quite )?"
    r"(?:quick|fast|good|great|nice|perfect|helpful|useful|impressive|all)$",
    # Greetings and thanks in other languages, with nothing else beside them.
    r"^¡?(?:hola|buen[oa]s (?:d[ií]as|tardes|noches)|(?:muchas )?gracias|adi[oó]s|hallo|moin|"
    r"guten (?:morgen|tag|abend)|(?:vielen )?dank(?:e(?: sch[oö]n)?)?|tsch[uü]ss|"
    r"bonjour|bonsoir|salut|merci(?: beaucoup)?|au revoir|ciao|"
    r"buongiorno|grazie(?: mille)?|ol[aá]|bom dia|obrigad[oa]|hoi|bedankt|dank je(?: wel)?|hej|tack|cześć|dzień dobry|"
    r"dziękuję|merhaba|teşekkürler|привет|здравствуйте|добрый день|спасибо|привіт|дякую)$",
    r"^(?:你好|您好|谢谢|謝謝|再见|こんにちは|おはよう(?:ございます)?|ありがとう(?:ございます)?|안녕하세요|감사합니다|"
    r"مرحبا|شكرا|नमस्ते|धन्यवाद|שלום|תודה)$",
)
# Questions to the program about itself: what it can do, whom it has, how it is used.
_ABOUT_ITSELF = _any(
    r"^(?:who|what) are you\b",
    r"\bwhat (?:else )?(?:can|could|do) you (?:do|know|offer)\b",
    r"^what (?:else )?is possible(?: here)?$",
    r"\bhow (?:do|can|should) i (?:use|ask|talk to) (?:you|this|opswright)\b",
    r"^(?:can|could) you help(?: me)?$",
    r"\b(?:which|what) specialists\b",
)
_SO = r"^(?:so |and |but )?"
_THAT = r"(?:that|it|this|they|those|the (?:last|previous|first)(?: \w+)?)"
_ENDED = (
    r"(?:refused?|reject(?:ed)?|accept(?:ed)?|undecided|fail(?:ed)?|stop(?:ped)?|done|change[sd]?|written|work(?:ed)?|"
    r"undone|approved?|asked)"
)
_TOUCHED = r"(?:removed|added|changed|dropped|kept|replaced|moved|widened|narrowed|undone|repaired|written|left out)"
# Questions about what was done in this session: in the past tense, about `you`, `that`, or a turn.
_ABOUT_THE_SESSION = _any(
    rf"{_SO}(?:what|why|how|when|where|which \w+|how (?:much|many)(?: \w+)?) (?:did|have|had) (?:you|we|i)\b",
    rf"{_SO}(?:did|have|had) (?:you|we|i)\b",
    rf"{_SO}what (?:has |was |were |is |have )?(?:been )?(?:changed?|happened|done|written|undone|refused|accepted)"
    r"(?: (?:so far|just now|in this session|here|last|now|there))?$",
    rf"{_SO}why (?:was|were|is|did|wasn't|weren't|isn't|didn't) {_THAT}\b.*\b{_ENDED}$",
    rf"{_SO}why (?:was|were|have|has) (?:the|my|this|that|these|those) .{{1,60}}\b{_TOUCHED}$",
    rf"^what (?:did|does|was) {_THAT} (?:cost|change|do|mean|say)$",
    rf"^how much (?:did|has|have|was) (?:{_THAT}|the session|this session)\b",
    r"^what was (?:the|my|your) (?:last|previous|earlier|first) (?:turn|answer|question|request)$",
    r"^(?:please )?(?:summari[sz]e|recap) (?:the |this |our )?(?:session|conversation|chat)(?: so far)?$",
)
# Also where a second question follows in the same sentence.
_SENTENCES = re.compile(r"[.!?\u3002\uff01\uff1f]+(?:\s+|$)|\n+|,? and (?=(?:what|why|how|when|where|which|did|have) )")


@dataclass(frozen=True)
class Reading:
    """What a request is. `specialists`: who it is for, where its words do not say; `earlier`: what they are handed;
    `carried`: the same for a person to read, a line each."""

    talk: bool = False
    specialists: tuple[str, ...] = ()
    earlier: tuple[TaskOutcome, ...] = ()
    carried: tuple[str, ...] = ()


def read_request(request: str, files: Sequence[File], fields: Sequence[Field], before: Sequence[Facts]) -> Reading:
    """What a request is. `files` have their roles; `before`: the turns of the session so far."""
    if is_talk(request, bool(before)):
        return Reading(talk=True)
    worked = [one for one in before if one.outcomes]
    if not worked or not leans(request):
        return Reading()
    found = route(request, files, fields)
    named = [step.specialist for step in found.steps]
    last = list(dict.fromkeys(outcome.specialist for outcome in worked[-1].outcomes))
    if not named:
        named = last
        if len(named) != 1:  # several could be meant: the words must say which
            return Reading()
    latest = latest_by_specialist(worked)
    taken = {name: latest[name] for name in dict.fromkeys(named) if name in latest}
    specialists = () if found.steps else tuple(named)
    return Reading(False, specialists, tuple(outcome for _, outcome in taken.values()), _carried(taken, specialists))


def is_talk(request: str, session_began: bool) -> bool:
    """Is every sentence of it small talk or about the program or the session itself, and none work for a specialist?"""
    sentences = [" ".join(one.split()).strip(" ,") for one in _SENTENCES.split(request)]
    sentences = [one for one in sentences if one]
    return bool(sentences) and all(_is_talk(one, session_began) for one in sentences)


def _is_talk(sentence: str, session_began: bool) -> bool:
    if _GREETING.search(sentence) or _ABOUT_ITSELF.search(sentence):
        return True
    return session_began and bool(_ABOUT_THE_SESSION.search(sentence))


def leans(request: str) -> bool:
    """Does it follow from what came before?"""
    return len(request.split()) <= LONGEST_FOLLOW_UP and bool(_LEANS.search(request.strip()))


def _carried(taken: Mapping[str, tuple[object, TaskOutcome]], specialists: Sequence[str]) -> tuple[str, ...]:
    lines = [f"the specialist of the last turn: {name}" for name in specialists]
    for name, (turn, outcome) in taken.items():
        number = getattr(turn, "number", 0)
        receipt = ", with its receipt" if outcome.receipt else ""
        lines.append(f"the {name} result of turn {number}: {outcome.status}{receipt}")
    return tuple(lines)
