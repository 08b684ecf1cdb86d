"""Receipts: every byte counts, another's signature is noticed, and nothing in them is executed."""

import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.agents.ports import Specialist, accepted, rejected
from opswright.agents.receipt_form import parse, spell
from opswright.agents.receipts import ReceiptContent, read_receipt, verify_receipt, write_receipt
from opswright.agents.signing import SigningKey, generate_key, load_key
from opswright.errors import InputError, ReceiptError, StoreFailed
from opswright.nouns import (
    Action,
    History,
    Json,
    Observation,
    Outcome,
    Proposal,
    Risk,
    Task,
    Tier,
    Trial,
    Usage,
    Verdict,
    as_json,
    digest,
)
from tests.processes import fill_up, small_disk

NOW = datetime(2026, 11, 20, 12, 30, 15, 123000, UTC)


SUM = Proposal(Tier.SOLVER, {"sum": 3}, "added")
VERDICT = Verdict(Outcome.ACCEPTED, "it is the sum", {"proof": "1+2"})
TRIAL = Trial(SUM, accepted("numbers"), Observation(SUM.id, {"values": [1.5, None, True]}, 0.5), VERDICT)


def content(**changes: Any) -> ReceiptContent:
    """A receipt about a sum."""
    plain = ReceiptContent(
        run="run1",
        task=Task("t1", "sums", "add", {"numbers": [1, 2], "note": "ü \ud800"}),
        proposal=SUM,
        result={"sum": 3, "tier": "solver", "tokens": 1, "cost_usd": 0.25, "seconds": 0.0},
        verdict=VERDICT,
        evidence={"trials": [as_json(TRIAL)]},
        version="7",
        usage=Usage(tokens_in=1, cost_usd=0.25, seconds=1e-7),
        tried=(("solver", "accepted"),),
        memory=("lesson-1",),
        adoption=(Action("files.write", {"path": "/x", "text": "3", "expected": None}, Risk.REVERSIBLE),),
        adopted=True,
    )
    return replace(plain, **changes)


@dataclass
class Sums:
    """A specialist's ports for sums; remembers what it was asked."""

    version: str = "7"
    world: Json = 3
    asked: list[str] = field(default_factory=list)

    def replay(self, task: Task, result: Json, evidence: Json) -> Verdict:
        self.asked.append("replay")
        right = sum(task.inputs["numbers"]) == result["sum"]
        return accepted("it is the sum") if right else rejected("it is not the sum")

    def adoption(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        raise AssertionError("verifying adopts nothing")

    def result(self, task: Task, history: History, verdict: Verdict) -> Json:
        return {"sum": history[-1].proposal.content["sum"]}

    def verify(self, task: Task, proposal: Proposal) -> Verdict:
        self.asked.append("verify")
        return accepted("there") if self.world == proposal.content["sum"] else rejected("not there")

    def ports(self, name: str) -> Specialist:
        if name != "sums":
            raise InputError("no such specialist", name)
        unused: Any = None
        return Specialist("sums", self.version, unused, unused, unused, self, unused, self)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    generate_key(tmp_path / "key.pem")
    return load_key(tmp_path / "key.pem")


def one_line(error: pytest.ExceptionInfo[ReceiptError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert error.value.exit_code == 2
    return message


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = write_receipt(content(), tmp_path / "receipts", clock=lambda: NOW)
    assert path.parent == tmp_path / "receipts"
    assert path.name.startswith("20261120123015-sums-")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    receipt = read_receipt(path)
    assert receipt.content == content(created="2026-11-20T12:30:15.123+00:00")
    assert receipt.signed_by == ""
    assert path.name.endswith(f"-{receipt.digest[:12]}.json")
    value = json.loads(path.read_text())
    assert value["task"]["inputs"]["numbers"] == {"sha256": digest([1, 2]), "value": [1, 2]}
    assert value["evidence_sha256"] == digest(value["evidence"])
    assert list(path.parent.iterdir()) == [path]


def test_a_chosen_path_is_replaced_whole(tmp_path: Path) -> None:
    path = write_receipt(content(run="old"), tmp_path, path=tmp_path / "mine.json")
    assert write_receipt(content(), tmp_path / "unused", path=path) == path
    assert read_receipt(path).content.run == "run1"
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("signed", [False, True])
def test_every_changed_byte_is_caught(signed: bool, key: SigningKey, tmp_path: Path) -> None:
    raw, _ = spell(content(), "2026-11-20", key if signed else None)
    assert parse(raw, tmp_path).signed_by == (key.public if signed else "")

    def refused(changed: bytes) -> bool:
        try:
            parse(changed, tmp_path)
        except ReceiptError as error:
            return "\n" not in str(error)
        return False

    for place, byte in enumerate(raw):
        for other in {byte ^ 0x01, byte ^ 0x20, byte ^ 0x80, ord(" "), ord("0"), ord('"')} - {byte}:
            assert refused(raw[:place] + bytes([other]) + raw[place + 1 :]), (place, other)
        assert refused(raw[:place] + raw[place + 1 :]), f"without byte {place}"
        assert refused(raw[:place] + b" " + raw[place:]), f"with a blank at {place}"
    for ending in (b" ", b"\n", b"\0", raw):
        assert refused(raw + ending)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value["evidence"]["trials"].append(1),
        lambda value: value["task"]["inputs"]["numbers"].update(value=[2, 1]),
        lambda value: value["proposal"].update(content={"sum": 4}),
        lambda value: value["validator"].update(specialist="policy"),
        lambda value: value.update(more=1),
        lambda value: value.pop("memory"),
        lambda value: value.update(schema="opswright/receipt/2"),
        lambda value: value["usage"].update(more=1),
        lambda value: value["verdict"].update(outcome="certain"),
        lambda value: value.update(tiers=3),
        lambda value: value.update(task=[]),
        lambda value: value["adoption"].update(actions=[{}]),
        lambda value: value.update(signature={"algorithm": "none", "public_key": "", "value": "0" * 128}),
        lambda value: value.update(signature={"algorithm": "ed25519", "public_key": "", "value": "0" * 128}),
        lambda value: value.update(signature=[1]),
    ],
)
def test_a_doctored_receipt_with_a_right_digest_is_refused(change: Callable[[Any], object], tmp_path: Path) -> None:
    import hashlib

    def canonical(value: Json) -> bytes:
        return (json.dumps(value, sort_keys=True, indent=2) + "\n").encode()

    value = json.loads(spell(content(), "now")[0])
    change(value)
    value["digest"] = "0" * 64
    value["digest"] = hashlib.sha256(canonical(value)).hexdigest()
    with pytest.raises(ReceiptError) as error:
        parse(canonical(value), tmp_path / "receipt.json")
    one_line(error)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null\n",
        b"[]\n",
        b"{}\n",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": ' * 50_000,
        b"NaN\n",
        b"1e999\n",
        b"9" * 5000,
        b'{"schema": "opswright/receipt/1"}\n',
    ],
)
def test_what_is_no_receipt_is_said(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(ReceiptError) as error:
        read_receipt(tmp_path / "file")
    one_line(error)


def test_what_is_no_file_is_said_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    for name in ("absent", ".", "pipe", "huge"):
        with pytest.raises(ReceiptError) as error:
            read_receipt(tmp_path / name)
        one_line(error)


def test_only_a_trusted_keys_signature_counts_when_keys_are_pinned(key: SigningKey, tmp_path: Path) -> None:
    mine = write_receipt(content(), tmp_path, path=tmp_path / "mine.json", key=key)
    generate_key(tmp_path / "other.pem")
    other = load_key(tmp_path / "other.pem")
    theirs = write_receipt(content(), tmp_path, path=tmp_path / "theirs.json", key=other)
    bare = write_receipt(content(), tmp_path, path=tmp_path / "bare.json")
    assert read_receipt(mine, [key.public]).signed_by == key.public
    assert read_receipt(mine, [other.public, key.public]).signed_by == key.public
    assert read_receipt(theirs).signed_by == other.public
    for path in (theirs, bare):
        with pytest.raises(ReceiptError, match="not trusted") as error:
            read_receipt(path, [key.public])
        one_line(error)
    # Another's receipt that claims to be signed by the pinned key.
    claimed = theirs.read_text().replace(other.public, key.public)
    (tmp_path / "claimed.json").write_text(claimed)
    with pytest.raises(ReceiptError, match="altered"):
        read_receipt(tmp_path / "claimed.json", [key.public])


def test_a_signature_of_another_receipt_does_not_fit(key: SigningKey, tmp_path: Path) -> None:
    first = json.loads(spell(content(), "now", key)[0])
    second = json.loads(spell(content(run="run2"), "now", key)[0])
    second["signature"] = first["signature"]
    with pytest.raises(ReceiptError, match="signature does not hold"):
        parse((json.dumps(second, sort_keys=True, indent=2) + "\n").encode(), tmp_path)


def test_verifying_replays_and_looks_at_the_world_when_asked(tmp_path: Path) -> None:
    path = write_receipt(content(), tmp_path / "receipts")
    sums = Sums()
    assert verify_receipt(path).replay is None
    found = verify_receipt(path, specialist=sums.ports)
    assert (found.outcome, found.live, sums.asked) == (Outcome.ACCEPTED, None, ["replay"])
    assert any("not signed" in note for note in found.notes)
    assert verify_receipt(path, specialist=sums.ports, live=True).outcome is Outcome.ACCEPTED
    sums.world = 4
    assert verify_receipt(path, specialist=sums.ports).outcome is Outcome.ACCEPTED
    found = verify_receipt(path, specialist=sums.ports, live=True)
    assert (found.outcome, found.replay and found.replay.outcome) == (Outcome.REJECTED, Outcome.ACCEPTED)


def wrong(**changes: Any) -> ReceiptContent:
    """A receipt that says 1 + 2 = 4 wherever it is not told otherwise."""
    proposal = Proposal(Tier.SOLVER, {"sum": 4}, "added")
    trial = replace(TRIAL, proposal=proposal)
    said = {"result": {**content().result, "sum": 4}, "proposal": proposal, "evidence": {"trials": [as_json(trial)]}}
    return content(**{**said, **changes})


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (wrong(), "not the sum"),
        (wrong(result=content().result), "not what its trials make"),
        (wrong(evidence=content().evidence), "not the accepted one"),
        (wrong(proposal=content().proposal), "not the accepted one"),
        (wrong(proposal=content().proposal, evidence=content().evidence), "not what its trials make"),
        (content(proposal=replace(SUM, tier=Tier.HIGH)), "not the accepted one"),
        (content(result={**content().result, "cost_usd": 0.0}), "not what its trials make"),
        (content(verdict=accepted("because")), "not that of its accepted trial"),
        (content(evidence={}), "form"),
        (content(evidence={"trials": []}), "none of the trials"),
        (content(evidence={"trials": [1]}), "form"),
        (content(evidence={"trials": [as_json(replace(TRIAL, verdict=rejected("no")))]}), "none of the trials"),
        (content(task=Task("t1", "sums", "add", {})), "form"),
        (content(task=Task("t1", "sums", "add", {"numbers": "12"})), "form"),
    ],
)
def test_what_does_not_fit_together_is_rejected(forged: ReceiptContent, reason: str, tmp_path: Path) -> None:
    path = write_receipt(forged, tmp_path / "receipts")
    found = verify_receipt(path, specialist=Sums().ports)
    assert found.outcome is Outcome.REJECTED
    assert found.replay is not None and reason in found.replay.reason


def test_what_was_only_shown_is_undecided_unless_it_was_applied_since(tmp_path: Path) -> None:
    path = write_receipt(content(adopted=False), tmp_path / "receipts")
    assert verify_receipt(path, specialist=Sums(world=4).ports, live=True).outcome is Outcome.UNDECIDED
    assert verify_receipt(path, specialist=Sums(world=3).ports, live=True).outcome is Outcome.ACCEPTED


def test_another_version_and_another_specialist_are_said(tmp_path: Path) -> None:
    path = write_receipt(content(), tmp_path / "receipts")
    notes = verify_receipt(path, specialist=Sums(version="8").ports).notes
    assert "validated by version 7, replayed by 8" in notes
    elsewhere = content(task=Task("t1", "os.system", "add", {}))
    with pytest.raises(InputError):
        verify_receipt(write_receipt(elsewhere, tmp_path / "receipts"), specialist=Sums().ports)


def test_verifying_writes_nothing(tmp_path: Path) -> None:
    planted = Action("files.write", {"path": str(tmp_path / "x"), "text": "3", "expected": None}, Risk.REVERSIBLE)
    path = write_receipt(content(adoption=(planted,)), tmp_path / "receipts")

    def tree() -> Mapping[Path, float]:
        return {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}

    before = tree()
    verify_receipt(path, specialist=Sums().ports, live=True)
    assert tree() == before


def test_a_full_disk_leaves_no_half_receipt(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        path = write_receipt(content(), disk)
        before = path.read_bytes()
        fill_up(disk)
        with pytest.raises(StoreFailed) as error:
            write_receipt(content(run="x" * 9000), disk, path=path)
        assert "\n" not in str(error.value) and error.value.exit_code == 6
        assert path.read_bytes() == before
        assert sorted(file.name for file in disk.iterdir()) == sorted([path.name, "filler"])
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed):
        write_receipt(content(), tmp_path / "file" / "receipts")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(values, values, st.dictionaries(st.text(max_size=4), values, max_size=3))
def test_any_content_is_read_back(result: Json, proposed: Json, inputs: dict[str, Json]) -> None:
    said = content(
        result=result,
        proposal=Proposal(Tier.LOW, proposed),
        task=Task("t", "sums", "g", inputs),
        evidence={"all": [result, proposed]},
    )
    raw, identity = spell(said, "now")
    receipt = parse(raw, Path("receipt.json"))
    assert receipt.content == replace(said, created="now")
    assert receipt.digest == identity


def test_a_receipt_goes_over_nothing_but_a_receipt(tmp_path: Path) -> None:
    kept = {"policy.json": b'{"Version": "2012-10-17"}', "list.json": b"[]", "text": b"schema", "deep": b"[" * 100_000}
    for name, raw in kept.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(InputError, match="would be lost"):
            write_receipt(content(), tmp_path, path=tmp_path / name)
        assert (tmp_path / name).read_bytes() == raw
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", tmp_path, Path()):
        with pytest.raises(InputError):
            write_receipt(content(), tmp_path, path=odd)
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "pipe"])


def test_an_earlier_receipt_and_an_empty_file_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    path.touch()
    for run in ("run1", "run2"):
        write_receipt(content(run=run), tmp_path, path=path)
        assert read_receipt(path).content.run == run


def test_what_waits_under_the_temporary_name_gets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    waiting = tmp_path / f".receipt.json.{os.getpid()}.tmp"
    waiting.touch(mode=0o666)
    with waiting.open("rb") as watched:
        write_receipt(content(), tmp_path, path=path)
        assert watched.read() == b""
    assert path.stat().st_mode & 0o777 == 0o600
