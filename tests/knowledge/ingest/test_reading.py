"""Files of every kind and condition: what is read, and the one line that is said of the others."""

import contextlib
import gzip
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.errors import Exit
from opswright.knowledge.ingest import markdown, mdoc, options, plain, roff
from opswright.knowledge.ingest.blocks import LONGEST, TARGET, Block, chunks
from opswright.knowledge.ingest.cleaning import clean
from opswright.knowledge.ingest.html import read as read_html
from opswright.knowledge.ingest.reading import LARGEST, Unreadable, read_manual
from opswright.redaction import Redactor


def write(folder: Path, name: str, content: bytes | str) -> Path:
    """A file."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sections(path: Path) -> list[tuple[str, str]]:
    """(section, text) of every chunk."""
    return [(one.section, one.text) for one in read_manual(path).chunks]


def test_markdown_by_headings_with_code_and_tables(tmp_path: Path) -> None:
    text = (
        "---\nlayout: x\n---\n# Volumes\n\nIntro <!-- no --> with `code`.\n\n## Options\n\nRun this:\n\n"
        "```\ngluster # no heading\n```\n\n- one\n  more\n- two\n"
        "\n| name | default |\n|---|---|\n| a | 1 |\n\nSetext\n======\n\nlast\n"
    )
    found = sections(write(tmp_path, "a.md", text))
    assert found == [
        ("Volumes", "Intro  with `code`."),
        (
            "Volumes > Options",
            "Run this:\n\ngluster # no heading\n\n- one\n  more\n\n- two\n\n| name | default |\n|---|---|\n| a | 1 |",
        ),
        ("Setext", "last"),
    ]


def test_html_by_headings_with_definition_lists(tmp_path: Path) -> None:
    text = (
        "<!doctype html><html><head><title>Guide &amp; more</title><style>p{}</style></head><body><nav>menu</nav>"
        "<h1>Top</h1><p>First<p>Second<br>line<h2>Options</h2><dl><dt>--quiet<dd>Says   little.<p>Really."
        "<dt>--loud</dt><dd>Says much.</dd></dl><pre>a\n  b</pre><script>alert('x')</script>"
        "<table><tr><td>x<td>y</table>"
    )
    read = read_manual(write(tmp_path, "a.html", text))
    assert read.title == "Guide & more"
    assert [(one.section, one.text) for one in read.chunks] == [
        ("Top", "First\n\nSecond\nline"),
        ("Top > Options", "--quiet\nSays little.\nReally."),
        ("Top > Options", "--loud\nSays much."),
        ("Top > Options", "a\n  b\n\nx\ty"),
    ]


@pytest.mark.parametrize("charset", ["undefined", "zlib", "no-such", "utf-8", "latin-1", "rot13"])
def test_html_says_which_encoding_it_is_in_and_may_be_wrong(tmp_path: Path, charset: str) -> None:
    page = f"<html><meta charset={charset}><p>Gr\u00fc\u00dfe".encode("latin-1")
    assert sections(write(tmp_path, "a.html", page)) == [("", "Gr\u00fc\u00dfe")]


def test_plain_text_by_underlined_and_capital_headings(tmp_path: Path) -> None:
    text = "Guide\n=====\n\nHello.\n\nPart\n----\nText\nhere.\n\nSEE ALSO\n\nother(1)\n"
    assert sections(write(tmp_path, "a.rst", text)) == [
        ("Guide", "Hello."), ("Guide > Part", "Text\nhere."), ("Guide > Part > SEE ALSO", "other(1)"),
    ]  # fmt: skip


def test_options_of_glusterfs_are_an_entry_each(tmp_path: Path) -> None:
    text = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<options><option><defaultValue>on</defaultValue>'
        "<description>Look &lt;everywhere&gt;.\n</description><name>cluster.lookup</name></option>"
        "<option><defaultValue>(null)</defaultValue><description>(null)</description><name>x.y</name></option></options>"
    )
    assert sections(write(tmp_path, "help.xml", text)) == [
        ("cluster.lookup", "cluster.lookup\nDefault: on\nLook <everywhere>."), ("x.y", "x.y"),
    ]  # fmt: skip


def test_a_gzipped_file_is_what_is_in_it(tmp_path: Path) -> None:
    page = b".TH X 8\n.SH NAME\nx \\- does x\n.SH OPTIONS\n.TP\n.B \\-q\nquiet\n"
    packed, bare = write(tmp_path, "x.8.gz", gzip.compress(page)), write(tmp_path, "x.8", page)
    assert sections(packed) == sections(bare) == [("NAME", "x - does x"), ("OPTIONS", "-q\nquiet")]
    assert read_manual(packed).hash != read_manual(bare).hash


PDF_TEXT = "Quorum is the least number of bricks that must be up."


def pdf(text: str = PDF_TEXT, password: str = "") -> bytes:
    """A PDF of one page, with an outline."""
    import io

    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    page = writer.add_blank_page(400, 200)
    font = DictionaryObject({NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
                             NameObject("/BaseFont"): NameObject("/Helvetica")})  # fmt: skip
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
    )
    stream = DecodedStreamObject()
    stream.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode())
    page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_outline_item("Quorum", 0)
    writer.add_metadata({"/Title": "Replication"})
    if password:
        writer.encrypt(password)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_by_pages_with_its_outline(tmp_path: Path) -> None:
    read = read_manual(write(tmp_path, "a.pdf", pdf()))
    assert read.title == "Replication"
    assert [(one.section, one.text) for one in read.chunks] == [("Quorum > page 1", PDF_TEXT)]


WRONG: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.md", b"", "empty"),
    "blank": ("a.md", b" \n\t\n", "empty"),
    "binary": ("a.txt", bytes(range(256)) * 10, "binary"),
    "binary by name a page": ("a.8", b"\x7fELF\x00\x01" * 50, "binary"),
    "an image": ("README", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 9, "binary"),
    "encrypted pdf": ("a.pdf", pdf(password="secret"), "encrypted"),
    "damaged pdf": ("a.pdf", pdf()[:300], "damaged PDF"),
    "no pdf at all": ("a.pdf", b"just text, whatever the name says" * 3, "damaged PDF"),
    "pdf without text": ("a.pdf", pdf(""), "no text"),
    "damaged gzip": ("a.8.gz", gzip.compress(b".TH X 8\n" * 99)[:-20], "ends too early"),
    "noise in gzip": ("a.8.gz", b"\x1f\x8b\x08" + b"noise" * 9, "damaged gzip"),
    "gzip of nothing": ("a.8.gz", gzip.compress(b""), "empty"),
    "gzip bomb": ("a.8.gz", gzip.compress(b"0" * (LARGEST + 1)), "more than 32 MiB"),
    "other xml": ("a.xml", b"<note><to>me</to></note>", "only the options"),
    "broken xml": ("a.xml", b"<options><option>", "damaged"),
    "xml with entities": ("a.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><options>&a;</options>', "entities"),
    "a page that points elsewhere": ("a.8", b".so man8/b.8\n", "points to man8/b.8"),
    "utf-16 that is none": ("a.txt", b"\xff\xfe\x00\xd8\x41", "UTF-16"),
    "comments alone": ("a.md", b"<!-- nothing -->", "no text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    file, content, says = WRONG[name]
    path = write(tmp_path, file, content)
    with pytest.raises(Unreadable) as raised:
        read_manual(path)
    message = str(raised.value)
    assert says in message and str(path) in message
    assert "\n" not in message and len(message) < 300 + len(str(path))
    assert raised.value.exit_code is Exit.INPUT


def test_what_is_no_file_or_too_large(tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(200 * 2**20)
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "loop.md").symlink_to(tmp_path / "loop.md")
    for path, says in [
        (large, "200 MiB"), (tmp_path / "pipe.md", "no regular file"), (tmp_path, "a folder"),
        (tmp_path / "absent.md", "No such file"), (tmp_path / "loop.md", "symbolic link"),
        (Path("a\0b"), "cannot be read"),
    ]:  # fmt: skip
        with pytest.raises(Unreadable, match=says):
            read_manual(path)


def test_an_old_page_in_latin_1_and_one_in_utf_16(tmp_path: Path) -> None:
    assert sections(write(tmp_path, "a.txt", "Grüße".encode("latin-1"))) == [("", "Grüße")]
    assert sections(write(tmp_path, "b.txt", "Grüße".encode("utf-16"))) == [("", "Grüße")]


def test_secrets_do_not_get_into_chunks(tmp_path: Path) -> None:
    (found,) = sections(
        write(tmp_path, "a.md", "# Keys AKIAIOSFODNN7EXAMPLE\n\nUse AKIAIOSFODNN7EXAMPLE or mykey99.\n")
    )
    assert "AKIA" not in "".join(found)
    read = read_manual(tmp_path / "a.md", Redactor(["mykey99"]))
    assert "mykey99" not in read.chunks[0].text


def test_paragraphs_are_packed_and_entries_stand_alone() -> None:
    blocks = [Block(("a",), "x" * 500), Block(("a",), "y" * 500), Block(("a",), "z" * 500), Block(("b",), "w")]
    assert [len(one.text) for one in chunks(blocks, Redactor())] == [1002, 500, 1]
    entries = [Block(("a",), "one", entry=True), Block(("a",), "two", entry=True), Block(("a",), "text")]
    assert [one.text for one in chunks(entries, Redactor())] == ["one", "two", "text"]


@given(st.lists(st.tuples(st.sampled_from([("a",), ("a", "b"), ()]), st.text(), st.booleans()), max_size=8))
def test_nothing_is_lost_or_too_long(parts: list[tuple[tuple[str, ...], str, bool]]) -> None:
    blocks = [Block(section, text * 40, entry) for section, text, entry in parts]
    found = chunks(blocks, Redactor(()))
    assert [one.position for one in found] == list(range(len(found)))
    assert all(0 < len(one.text) <= max(LONGEST, TARGET) for one in found)
    assert all(one.text == clean(one.text) for one in found)


JUNK = st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
MACROS = st.lists(
    st.sampled_from(
        [".TH X 8", ".SH A", ".SS b", ".TP", ".IP x 4", ".RS", ".RE", ".PP", ".nf", ".fi", "text", "\\fBbold\\fP",
         ".B x",
         ".El", ".Bl -tag", ".It Fl x Ar y", ".Op Fl a", ".Nm", ".Sh B", ".if n \\{\\", ".\\}", ".de Vb", "..",
         ".ie t x",
         ".el y", "\\", "\\*(", ".Oo", ".Oc", ""]
    )
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(JUNK, MACROS.map(lambda lines: "\n".join(lines).encode())))
def test_readers_say_something_of_anything_and_never_break(data: bytes) -> None:
    for read in (markdown.read, plain.read, roff.read, options.read, read_html):
        try:
            manual = read(data)
        except Unreadable:
            continue
        chunks(manual.blocks, Redactor())


@given(st.text(alphabet='ABFNOXacdeflmopqrstx .|[]"\\-', max_size=60))
def test_words_of_mdoc_never_break(line: str) -> None:
    mdoc.words_of(line, "name")


DEEP = {
    "a.html": "<div><dl><dd>" * 50_000 + "x",
    "b.md": ">" * 20_000 + " x",
    "c.md": "[" * 50_000,
    "d.8": ".TH X 8\n" + ".RS\n.TP\nx\n" * 20_000 + "y\n",
    "e.xml": "<options>" + "<a>" * 100_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_is_survived(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, DEEP[name])
    done = threading.Event()

    def read() -> None:
        with contextlib.suppress(Unreadable):
            read_manual(path)
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(60), "it is read for ever, or broke"
