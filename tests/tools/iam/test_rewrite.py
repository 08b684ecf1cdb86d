"""Rewriting: the new value is meant exactly, and what did not change keeps its text."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.rewrite import rewrite
from tests.tools.iam.data import CORPORA, policy_data

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, -0.0, 1.0, 1e22]) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
LAYOUTS = st.sampled_from(
    [
        {},
        {"indent": 2},
        {"indent": 4},
        {"indent": "\t"},
        {"separators": (",", ":")},
        {"indent": 1, "separators": (" ,", " : ")},
        {"indent": 0},
        {"ensure_ascii": False},
    ]
)


def exact(value: Json) -> str:
    """A text that tells true from 1, 1 from 1.0 and 0.0 from -0.0."""
    return json.dumps(value, sort_keys=True)


@given(VALUES, VALUES, LAYOUTS, st.booleans(), st.sampled_from(["", "\n", " \n\n"]))
def test_the_new_value_is_meant_exactly(old: Json, new: Json, layout: Json, windows: bool, end: str) -> None:
    source = json.dumps(old, **layout) + end
    source = source.replace("\n", "\r\n") if windows else source
    assert exact(json.loads(rewrite(source, new))) == exact(new)
    assert rewrite(source, old) == source


@given(VALUES, VALUES, LAYOUTS)
def test_going_there_and_back_again(old: Json, new: Json, layout: Json) -> None:
    there = rewrite(json.dumps(old, **layout), new)
    assert rewrite(there, new) == there
    assert exact(json.loads(rewrite(there, old))) == exact(old)


@given(
    st.lists(st.dictionaries(st.sampled_from("abcd"), SCALARS, min_size=1, max_size=3), min_size=1, max_size=5),
    st.data(),
    LAYOUTS,
)
def test_untouched_items_keep_their_text(items: list[Json], data: st.DataObject, layout: Json) -> None:
    source = json.dumps({"Statement": items}, **layout)
    at = data.draw(st.integers(0, len(items) - 1))
    new = copy.deepcopy(items)
    if data.draw(st.booleans()):
        del new[at]
    else:
        new[at] = {"new": True}
    result = rewrite(source, {"Statement": new})
    from opswright.tools.iam.json_text import read_json

    before, after = read_json(source, "a"), read_json(result, "b")
    texts = [source[n.start : n.end] for n in before.root.members["Statement"].items]
    kept = [result[n.start : n.end] for n in after.root.members["Statement"].items]
    expected = [text for index, text in enumerate(texts) if index != at]
    assert [text for text in kept if '"new"' not in text] == expected


SOURCE = """{
    "Version": "2012-10-17",
    "Statement": [
        { "Sid": "A", "Effect": "Allow",  "Action": "s3:Get*",
          "Resource": ["a","b"] },
        {
            "Sid": "B",
            "Effect": "Deny",
            "Action": "s3:*",
            "Resource": "*"
        }
    ]
}
"""
VALUE = json.loads(SOURCE)


def edited(**changes: Json) -> str:
    """The source with changes to its second statement."""
    new = copy.deepcopy(VALUE)
    new["Statement"][1].update(changes)
    return rewrite(SOURCE, new)


def test_a_changed_scalar_is_all_that_changes() -> None:
    assert edited(Effect="Allow") == SOURCE.replace('"Deny"', '"Allow"')


def test_a_string_becomes_a_list_in_the_source_s_indentation() -> None:
    expected = '"Action": [\n                "s3:Get*",\n                "s3:List*"\n            ],'
    assert edited(Action=["s3:Get*", "s3:List*"]) == SOURCE.replace('"Action": "s3:*",', expected)


def test_an_item_joins_a_list_on_one_line() -> None:
    new = copy.deepcopy(VALUE)
    new["Statement"][0]["Resource"].append("c")
    assert rewrite(SOURCE, new) == SOURCE.replace('["a","b"]', '["a","b","c"]')


def test_a_new_member_follows_its_predecessor() -> None:
    new = copy.deepcopy(VALUE)
    second = new["Statement"][1]
    new["Statement"][1] = {"Sid": "B", "Note": 1, **{k: v for k, v in second.items() if k != "Sid"}}
    assert rewrite(SOURCE, new) == SOURCE.replace('"Sid": "B",', '"Sid": "B",\n            "Note": 1,')


def test_the_last_statement_goes_and_its_comma_too() -> None:
    new = {**VALUE, "Statement": VALUE["Statement"][:1]}
    result = rewrite(SOURCE, new)
    assert result == SOURCE[: SOURCE.index(" },") + 2] + "\n    ]\n}\n"


def test_a_new_statement_is_indented_like_its_neighbours() -> None:
    new = {**VALUE, "Statement": [*VALUE["Statement"], {"Effect": "Allow", "Action": "a:b"}]}
    added = ',\n        {\n            "Effect": "Allow",\n            "Action": "a:b"\n        }\n    ]\n}\n'
    assert rewrite(SOURCE, new) == SOURCE[: SOURCE.rindex("\n    ]")] + added


def test_one_line_stays_one_line() -> None:
    assert rewrite('{"a": [1, 2], "b": {}}', {"a": [1, 3, 2], "b": {"c": [1]}}) == '{"a": [1, 3, 2], "b": {"c": [1]}}'
    assert rewrite('{"a":[1]}', {"a": [1, 2], "b": {"c": 3}}) == '{"a":[1,2],"b":{"c":3}}'


def test_equal_in_python_is_not_equal_in_json() -> None:
    assert rewrite("[true, 1, 1.0, 0, -0.0]", [1, True, 1, 0.0, 0.0]) == "[1, true, 1, 0.0, 0.0]"


def test_escapes_stay_where_nothing_changed() -> None:
    source = '{"a": "\\u00e9\\/", "b": "x"}'
    assert rewrite(source, {"a": "é/", "b": "y"}) == '{"a": "\\u00e9\\/", "b": "y"}'
    assert rewrite('{"a": "é", "b": "x"}', {"a": "é", "b": "ü"}) == '{"a": "é", "b": "ü"}'


def test_a_broken_source_is_refused() -> None:
    with pytest.raises(InputError, match=r"^source:1:1: "):
        rewrite("{", {})


@pytest.mark.parametrize("corpus", CORPORA)
def test_real_policies(corpus: str) -> None:
    for item in policy_data(corpus)[:150]:
        value = item["policy"]
        source = json.dumps(value, indent=4) + "\n"
        statements = value["Statement"] if isinstance(value["Statement"], list) else [value["Statement"]]
        new = {**value, "Statement": [*statements[1:], {"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        assert rewrite(source, value) == source
        result = rewrite(source, new)
        assert json.loads(result) == new
        assert result == json.dumps(json.loads(result), indent=4) + "\n"
