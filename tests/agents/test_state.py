"""The loop's state: whatever a reason quotes, every store of checkpoints takes it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.agents.ports import accepted, rejected
from opswright.agents.state import storable
from opswright.nouns import Verdict
from tests.agents.bench import Bench
from tests.agents.scripted import Call, Script

ODD = "the tool said \x00 and \ud800"


@given(st.text(alphabet=st.characters(), max_size=20))
def test_what_is_storable_is_text_and_stays_as_it_is(text: str) -> None:
    kept = storable(text)
    assert "\x00" not in kept and kept.encode("utf-8") == storable(kept).encode("utf-8")
    if "\x00" not in text and all(not 0xD800 <= ord(one) <= 0xDFFF for one in text):
        assert kept == text


@pytest.mark.parametrize("verdict", [accepted(ODD), rejected(ODD)])
def test_a_reason_cannot_fail_the_run(tmp_path: Path, verdict: Verdict) -> None:
    ending = [Call("adoption"), Call("reflect")] if verdict.accepted else [Call("ask"), Call("reflect")]
    script = Script(
        Call("ask", {"x": 1}),
        Call("precheck", accepted("fine")),
        Call("trial_actions"),
        Call("trial"),
        Call("judge", verdict),
        *ending,
    )
    bench = Bench(tmp_path)
    state = bench.plays(script)
    script.finished()
    assert state["reason"] == storable(state["reason"])
    assert bench.outcome.status == verdict.outcome
