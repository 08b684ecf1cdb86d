"""The JSON reader: what it accepts, where things stand, and what it says about broken text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.json_text import MAX_DEPTH, Node, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 0, 1, 4]), st.booleans())
def test_reads_what_the_standard_library_writes(value: Json, indent: int | None, plain: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=plain)
    assert read_json(text, "t").root.value == json.loads(text)


@given(VALUES, st.sampled_from([None, 2]))
def test_every_place_holds_its_value(value: Json, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    check_places(text, read_json(text, "t").root)


def check_places(text: str, node: Node) -> None:
    assert json.loads(text[node.start : node.end]) == node.value
    for name, child in node.members.items():
        start, end = node.names[name]
        assert json.loads(text[start:end]) == name
        check_places(text, child)
    for child in node.items:
        check_places(text, child)


def test_lines_and_columns() -> None:
    source = read_json('{\n  "é": [1,\r\n   "x"]\n}', "t")
    inner = source.root.members["é"]
    assert str(source.name_span(source.root, "é")) == "2:3"
    assert str(source.span(inner)) == "2:8"
    assert str(source.span(inner.items[1])) == "3:4"
    assert source.span(inner.items[1]).end - source.span(inner.items[1]).start == 3


BROKEN = [
    ("", "1:1", "is empty"),
    (" \n ", "1:1", "is empty"),
    ('\ufeff{"a": 1}', "1:1", "byte order mark"),
    ("{", "1:1", "never closed"),
    ('{"a": 1', "1:1", "never closed"),
    ('{\n "a": [1, 2\n', "2:7", "never closed"),
    ('{"a": 1,}', "1:9", "comma before the closing }"),
    ("[1, 2,\n]", "2:1", "comma before the closing ]"),
    ("[1 2]", "1:4", "expected , or ], found '2'"),
    ('{"a" 1}', "1:6", "expected : after the name 'a'"),
    ('{"a": }', "1:7", "expected a value, found '}'"),
    ("{a: 1}", "1:2", "expected a name in double quotes, found 'a'"),
    ("{'a': 1}", "1:2", "expected a name in double quotes"),
    ('{"a": 1, "b": 2,\n "a": 3}', "2:2", "'a' is already used at 1:2"),
    ('{"a": 1} x', "1:10", "unexpected 'x' after the end"),
    ('{"a": 1}\n{}', "2:1", "unexpected '{' after the end"),
    ('{"a": NaN}', "1:7", "'NaN' is no JSON value"),
    ("[Infinity]", "1:2", "'Infinity' is no JSON value"),
    ("[-Infinity]", "1:2", "no JSON value"),
    ("[True]", "1:2", "'True' is no JSON value"),
    ("[01]", "1:2", "'01' is no JSON number"),
    ("[1.]", "1:2", "'1.' is no JSON number"),
    ("[+1]", "1:2", "no JSON value"),
    ("[.5]", "1:2", "no JSON value"),
    ("[1e999]", "1:2", "too large"),
    ("[" + "1" * 500 + "]", "1:2", "digits"),
    ('["a\\x"]', "1:4", "is no JSON escape"),
    ('["\\u12g4"]', "1:3", "is no JSON escape"),
    ('["\\ud800"]', "1:2", "surrogate"),
    ('["a\nb"]', "1:4", "must end on its line"),
    ('["a\tb"]', "1:4", "control character"),
    ('["abc', "1:2", "never closed"),
    ('["abc\\', "1:6", "is no JSON escape"),
    ("// x\n{}", "1:1", "expected a value"),
    ('{"a": 1 /* x */}', "1:9", "expected , or }"),
    ("[\uff11]", "1:2", "expected a value"),
]


@pytest.mark.parametrize(("text", "place", "message"), BROKEN, ids=[repr(text[:20]) for text, _, _ in BROKEN])
def test_broken_text_is_reported_on_one_line_with_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_json(text, "policy.json")
    said = str(caught.value)
    assert said.startswith(f"policy.json:{place}: ")
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("bracket", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_refused_without_a_stack_overflow(bracket: str) -> None:
    with pytest.raises(InputError, match="nested more than"):
        read_json(bracket * 100_000, "t")
    closing = {"[": "]", "{": "}"}
    legal = bracket * (MAX_DEPTH // 2 if bracket != '[{"a":' else MAX_DEPTH // 4)
    text = legal + "1" + "".join(closing[c] for c in reversed(legal) if c in closing)
    assert read_json(text, "t").root.end == len(text)


@given(st.text(alphabet='{}[]",:\\/tru1e-. \n\ta', max_size=40))
def test_agrees_with_the_standard_library_on_what_is_json(text: str) -> None:
    repeated = []

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        repeated.append(len(dict(items)) < len(items))
        return dict(items)

    try:
        expected = json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        with pytest.raises(InputError):
            read_json(text, "t")
        return
    if any(repeated):
        with pytest.raises(InputError, match="already used"):
            read_json(text, "t")
    else:
        assert read_json(text, "t").root.value == expected
