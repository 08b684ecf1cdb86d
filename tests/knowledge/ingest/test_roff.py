"""Man pages of both macro families: what is an entry, what is said, what is never done."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from opswright.knowledge.ingest.reading import Unreadable, read_manual
from opswright.knowledge.ingest.roff import read
from opswright.knowledge.ingest.roff_text import arguments, spoken
from tests.live import unavailable

CASES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "entries and nested entries": (
        ".SH OPTIONS\nIntro.\n.TP\n.BR \\-o \", \" \\-\\-option =\\fIvalue\\fP\nText of it.\n"
        ".RS\n.TP\n.B deep\nInner.\n.RE\n.TP\n.B \\-q\nQuiet.\n.PP\nAfterwards.\n",
        [
            ("OPTIONS", "Intro."), ("OPTIONS", "-o, --option=value\nText of it."),
            ("OPTIONS > -o, --option=value", "deep\nInner."), ("OPTIONS", "-q\nQuiet."), ("OPTIONS", "Afterwards."),
        ],
    ),
    "several tags": (".SH A\n.TP\n.B one\n.TQ\n.B two\nBoth.\n", [("A", "one\ntwo\nBoth.")]),
    "tagged and bulleted paragraphs": (
        ".SH A\n.IP \"the name\" 4\nSays.\n.PP\nx\n.IP \\(bu 2\npoint\n",
        [("A", "the name\nSays."), ("A", "x"), ("A", "• point")],
    ),
    "a short line and what is indented below it": (
        ".SH OPTIONS\n.sp\n\\fB\\-h\\fP\n.RS 4\nDisplay help.\n.RE\n.sp\n\\fB\\-V\\fP\n.RS 4\nVersion.\n.RE\n",
        [("OPTIONS", "-h\nDisplay help."), ("OPTIONS", "-V\nVersion.")],
    ),
    "literal text keeps its lines": (".SH A\n.nf\na  b\n  c\n.fi\n", [("A", "a  b\n  c")]),
    "comments, definitions and dead branches say nothing": (
        '.\\" no\n.de XX \\" define\nnever said\n..\n.if t .B never\n'
        '.if n said\n.ie t \\{\\\nnot this\n.\\}\n.el \\{\\\nbut this\n.\\}\n'
        ".SH A\nx \\\" not this\n.ig\nignored\n..\n",
        [("", "said but this"), ("A", "x")],
    ),
    "escapes": (
        ".SH A\n\\fBa\\fR\\(bub\\[em]c\\e d\\&.\\s-1e\\s0 \\*(lqf\\*(rq \\:g\\%h\\~i \\h'2m'j \\[u00FC] \\[:u] k\\c\n",
        [("A", "a•b—c\\ d.e \"f\" gh i j ü ü k")],
    ),
    "subsections": (".SH A\n.SS \"b c\"\nd\n.SH E\nf\n", [("A > b c", "d"), ("E", "f")]),
    "mdoc": (
        ".Dd May 1\n.Dt LS 1\n.Os\n.Sh NAME\n.Nm ls\n.Nd list\n.Sh OPTIONS\n.Bl -tag\n"
        ".It Fl l , Fl Fl long Ns = Ns Ar n\nLong, see\n.Xr stat 2 ,\nin\n"
        ".Pa /etc\n.Op Fl x | y .\n.It Cm word Ar arg\nOther.\n.El\n.Pp\n.Nm\nends.\n",
        [
            ("NAME", "ls - list"), ("OPTIONS", "-l, --long=n\nLong, see stat(2), in /etc [-x | -y]."),
            ("OPTIONS", "word arg\nOther."), ("OPTIONS", "ls ends."),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_page(name: str) -> None:
    source, expected = CASES[name]
    blocks = (
        read(f".TH X 8\n{source}".encode()).blocks if not source.startswith(".Dd") else read(source.encode()).blocks
    )
    assert [(" > ".join(block.section), block.text) for block in blocks] == expected


def test_the_title_is_the_pages_name_and_section() -> None:
    assert read(b".TH gluster 8 x\n.SH A\nb\n").title == "gluster(8)"
    assert read(b".Dd x\n.Dt TMUX 1\n.Sh A\nb\n").title == "TMUX(1)"


def test_requests_that_reach_out_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("told")
    reaching = f".so {secret}\n.sy touch {tmp_path}/run\n.pso cat {secret}\n.open s {tmp_path}/o\n.mso {secret}\n"
    source = f".TH X 8\n.SH A\n{reaching}x\n"
    assert [block.text for block in read(source.encode()).blocks] == ["x"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret"]


def test_arguments_and_escapes() -> None:
    assert arguments('one "two three" four\\ five "six""seven"') == ["one", "two three", "four five", 'six"seven']
    assert spoken("plain") == "plain"
    assert spoken("\\") == "\\"


@pytest.mark.live
def test_what_is_read_is_what_groff_prints() -> None:
    if shutil.which("groff") is None:
        unavailable("groff is not installed (apt-get install groff)")
    pages = (
        sorted(Path("/usr/share/man/man8").glob("*.8.gz"))[::12]
        + sorted(Path("/usr/share/man/man5").glob("*.gz"))[::40]
    )
    if len(pages) < 10:
        unavailable("there are hardly any man pages here")
    printed = found = 0
    for page in pages[:60]:
        source = gzip.decompress(page.read_bytes())
        try:
            chunks = read_manual(page).chunks
        except Unreadable:
            continue
        command = ["groff", "-t", "-man", "-mandoc", "-Tascii", "-P-cbou", "-rLL=300n", "-rHY=0"]
        out = subprocess.run(command, input=source, capture_output=True, timeout=60, check=False).stdout.decode(
            "latin-1"
        )
        lines = [line for line in out.splitlines() if line.strip()][1:-1]
        ours = set(words(" ".join(f"{one.section} {one.text}" for one in chunks)))
        theirs = words(" ".join(lines))
        printed += len(theirs)
        found += sum(word in ours for word in theirs)
    assert printed > 1000
    assert found / printed > 0.99, f"{found} of {printed} words"


def words(text: str) -> list[str]:
    """Plain words of at least four letters: hyphenation and signs differ."""
    return re.findall(r"[a-z]{4,}", text.lower())
