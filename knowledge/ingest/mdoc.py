"""The text in a line of mdoc macros, such as `.Op Fl f Ar file`."""

from opswright.knowledge.ingest.roff_text import arguments

_ENCLOSURES = {
    "Op": "[]", "Oo": "[]", "Oc": "[]", "Bq": "[]", "Bo": "[]", "Bc": "[]", "Brq": "{}", "Bro": "{}", "Brc": "{}",
    "Pq": "()", "Po": "()", "Pc": "()", "Aq": "<>", "Ao": "<>", "Ac": "<>", "Dq": "\"\"", "Do": "\"\"", "Dc": "\"\"",
    "Qq": '""', "Qo": '""', "Qc": '""', "Sq": "''", "So": "''", "Sc": "''", "Ql": "''",
}  # fmt: skip
_PLAIN = {
    "Ar", "Cm", "Ic", "Va", "Vt", "Fa", "Fn", "Ft", "Ev", "Pa", "Em", "Sy", "Li", "No", "Ad", "An", "Er", "Dv", "Tn",
    "Lk", "Mt", "Ms", "Nd", "D1", "Dl", "Fd", "In", "Cd", "Lb", "Sx", "Rv", "St", "Ex", "Rs", "Re", "Bk", "Ek",
    "Ux", "Bx", "Fx", "Nx", "Ox", "Dx", "Bsx", "Ud", "Bt", "Ta", "Tg", "Hf", "Db", "Os", "Dd", "Eo", "Ec", "Es", "En",
}  # fmt: skip
_SAID = {"Ux": "UNIX", "Bx": "BSD", "Fx": "FreeBSD", "Nx": "NetBSD", "Ox": "OpenBSD", "Dx": "DragonFly",
         "Bsx": "BSD/OS", "Nd": "-"}  # fmt: skip
_SILENT = {"Bk", "Ek", "Rs", "Re", "Os", "Dd", "Tg", "Hf", "Db", "Es", "En", "Eo", "Ec"}
_CLOSING = {".", ",", ":", ";", ")", "]", "?", "!"}
_OPENING = {"(", "["}


def words_of(line: str, name: str) -> str:
    """The line as text; `name` is what a bare `.Nm` says."""
    out: list[str] = []
    closing: list[str] = []  # of the enclosures that end with the line
    glue = False
    flag = False
    words = arguments(line)
    if words and words[0] in _SILENT:
        return ""
    for index, word in enumerate(words):
        if word in ("Ns", "Ap"):
            glue = True
            if word == "Ap":
                _add(out, "'", True)
        elif word in ("Fl",):
            flag = True
            follows = words[index + 1] if index + 1 < len(words) else ""
            if follows == "Fl":
                _add(out, "-", glue)
                glue = True
            elif not follows or follows in _PLAIN or follows in _ENCLOSURES or follows in ("Ns", "Xo", "Xc"):
                _add(out, "-", glue)
                glue, flag = follows == "Ns", False
        elif word in _ENCLOSURES and (index == 0 or not flag):
            left, right = _ENCLOSURES[word][0], _ENCLOSURES[word][1]
            if word.endswith("c") and word != "Ic":
                _add(out, right, True)
            else:
                _add(out, left, glue)
                glue = True
                if not word.endswith("o") or word == "No":
                    closing.append(right)
        elif word == "Nm" and (index + 1 >= len(words) or words[index + 1] in _CLOSING | _PLAIN):
            _add(out, name, glue)
            glue = False
        elif word == "Xr" and index + 2 < len(words) + 1:
            flag = False
            _reference(words, index)
        elif word in _PLAIN or word in ("Nm", "Xo", "Xc"):
            flag = False
            if word in _SAID and word not in _SILENT:
                _add(out, _SAID[word], glue)
                glue = False
        else:
            _add(out, f"-{word}" if flag and word not in _CLOSING | {"|"} else word, glue or word in _CLOSING)
            glue = word in _OPENING
            flag = flag and (word == "|" or words[index + 1 : index + 2] == ["|"])
    for right in reversed(closing):
        end = out.pop() if out and out[-1].strip() in _CLOSING else ""
        _add(out, right + end.strip(), True)
    return "".join(out).strip()


def _reference(words: list[str], index: int) -> None:
    """`Xr pty 4` is pty(4)."""
    if index + 2 < len(words) and words[index + 2][:1].isdigit():
        words[index + 1 : index + 3] = [f"{words[index + 1]}({words[index + 2]})", ""]


def _add(out: list[str], text: str, together: bool) -> None:
    if not text:
        return
    out.append(text if together or not out else f" {text}")
