"""The text in a line of roff: escapes spoken out, arguments of a macro, lines without comments and definitions."""

import re
from collections.abc import Iterator

_NAMED = {
    "aq": "'", "dq": '"', "lq": "\"", "rq": "\"", "oq": "'", "cq": "'", "em": "—", "en": "-", "hy": "-", "bu": "•",
    "co": "©", "rg": "®", "tm": "™", "ti": "~", "ha": "^", "rs": "\\", "sl": "/", "ga": "`", "bv": "|", "ba": "|",
    "->": "→", "<-": "←", "<=": "≤", ">=": "≥", "!=": "≠", "+-": "±", "mu": "x", "de": "°", "mc": "µ", "..": "…",
    "ss": "ß", "at": "@", "sh": "#", "Do": "$", "Eu": "€", "lB": "[", "rB": "]", "lC": "{", "rC": "}", "la": "⟨",
    "ra": "⟩", "pl": "+", "mi": "-", "eq": "=", "**": "*", "fm": "'", "sq": "□", "ae": "æ", "AE": "Æ", "oe": "œ",
    "12": "½", "14": "¼", "34": "¾", "ua": "↑", "da": "↓", "rA": "⇒", "if": "∞", "~~": "≈", "==": "≡", "sc": "§",
    "ps": "¶", "dg": "†", "OE": "Œ", "ct": "¢", "Po": "£", "Fo": "«", "Fc": "»", "fo": "<", "fc": ">", "bq": ",",
    "Bq": "\"", "R": "®", "Tm": "™", "S": "", "q": '"', "Aq": "'",
}  # fmt: skip
_ACCENTS = {"'": "\u0301", "`": "\u0300", ":": "\u0308", "^": "\u0302", "~": "\u0303", ",": "\u0327", "o": "\u030a"}
_ESCAPE = re.compile(
    r"\\(?:"
    r"(?P<drop>[fFmMgkns](?:\(..|\[[^\]]*\]|[+-]?\d{1,2}(?<=[sn\d])|[+-]?.)|[hvwlLDoNbXZAH](?P<q>.).*?(?P=q)|"
    r"[&%:/,|^)!?c\n]|[ud]|z|[{}]|\#.*)"
    r"|\((?P<two>..)|\[(?P<long>[^\]]*)\]|\*(?:\((?P<s2>..)|\[(?P<sl>[^\]]*)\]|(?P<s1>.))"
    r"|\".*|(?P<one>.))"
)
_SINGLE = {"-": "-", "e": "\\", "\\": "\\", "~": " ", " ": " ", "0": " ", "t": "\t", "'": "'", "`": "`", ".": ".",
           "_": "_", "p": "", "a": "", "E": "\\", "r": ""}  # fmt: skip


def spoken(text: str) -> str:
    """The text as it would be printed, without fonts, motions and comments."""
    return _ESCAPE.sub(_say, text) if "\\" in text else text


def _say(found: re.Match[str]) -> str:
    for group in ("two", "long", "s2", "sl", "s1"):
        if (name := found[group]) is not None:
            return _character(name)
    one = found["one"]
    return "" if one is None else _SINGLE.get(one, one)


def _character(name: str) -> str:
    if name in _NAMED:
        return _NAMED[name]
    code = re.fullmatch(r"u([0-9A-Fa-f]{4,6})(?:_.*)?", name) or re.fullmatch(r"char(\d+)()", name)
    if code is not None:
        number = int(code[1], 10 if name.startswith("char") else 16)
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""
    if len(name) == 2 and name[0] in _ACCENTS and name[1].isalpha():
        import unicodedata

        return unicodedata.normalize("NFC", name[1] + _ACCENTS[name[0]])
    return ""


def arguments(rest: str) -> list[str]:
    """The arguments of a man macro, spoken: quotes hold words together, a doubled quote within them is one."""
    found = []
    rest = re.split(r"(?<!\\)\\\"", rest)[0]
    for word in re.finditer(r'"((?:[^"]|"")*)"?|((?:\\ |\S)+)', rest):
        quoted, bare = word[1], word[2]
        found.append(spoken(quoted.replace('""', '"') if quoted is not None else bare))
    return found


def logical_lines(text: str) -> list[str]:
    """Lines that say something: continued ones joined; comments, macro definitions and dead branches left out."""
    return list(_live(_without_definitions(re.sub(r"\\\n", "", text).split("\n"))))


def _without_definitions(lines: list[str]) -> Iterator[str]:
    end = ""
    for line in lines:
        if end:
            if re.match(rf"[.']\s*{re.escape(end)}\s*$", line):
                end = ""
            continue
        line = re.sub(r"(?<!\\)\\\".*", "", line) if line[:1] in (".", "'") else line
        define = re.match(r"[.']\s*(?:de1?|dei1?|am1?|ami1?|ig)\b\s*(.*)", line)
        if define is not None:
            words = define[1].split()
            ignoring = re.match(r"[.']\s*ig\b", line) is not None
            names = words[0 if ignoring else 1 :]
            end = names[0] if names else "."
            continue
        if not re.match(r"[.']\s*\\[\"#]|\\[\"#]", line):
            yield line


def _live(lines: Iterator[str]) -> Iterator[str]:
    """Conditions as a terminal would have them: `n` holds, `t` does not; of others the else branch is not taken."""
    skipping = 0  # open braces of a branch that is not taken
    open_braces = 0
    otherwise = False
    for line in lines:
        if skipping:
            skipping += line.count("\\{") - line.count("\\}")
            continue
        test = re.match(r"[.']\s*(ie|if|el|while)\b\s*(.*)", line)
        if test is None:
            open_braces -= line.count("\\}")
            rest = line.replace("\\}", "") if "\\}" in line else line
            if rest.strip() not in (".", "'", "") or not rest:
                yield rest
            continue
        kind, rest = test[1], test[2]
        if kind == "el":
            taken = otherwise
        else:
            taken, rest = _condition(rest)
            otherwise = kind == "ie" and not taken
            taken = taken and kind != "while"
        braces = rest.count("\\{") - rest.count("\\}")
        if not taken:
            skipping = max(0, braces)
            continue
        open_braces += braces
        body = rest.replace("\\{", "").replace("\\}", "").strip()
        if body and body not in (".", "'"):
            yield body


def _condition(rest: str) -> tuple[bool, str]:
    negated = rest.startswith("!")
    rest = rest[negated:].lstrip()
    simple = re.match(r"([nteov])(?![\w(])\s*", rest)
    if simple is not None:
        return (simple[1] in "ne") != negated, rest[simple.end() :]
    compared = re.match(r"(['\"])(.*?)\1(.*?)\1\s*", rest)
    if compared is not None:
        return (compared[2] == compared[3]) != negated, rest[compared.end() :]
    number = re.match(r"\S+\s*", rest)  # a register or an expression: nothing is set here, so it is nought
    value = bool(number and re.match(r"[1-9]\d*\s*$", number[0].strip()))
    return value != negated, rest[number.end() :] if number else ""
