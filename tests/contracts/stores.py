"""What holds for every journal, and for every store of checkpoints.

class TestMine(CheckpointsContract):
    @pytest.fixture
    def opening(self, tmp_path): return lambda: my_saver(tmp_path)
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from opswright.agents.state import storable
from opswright.knowledge.journal import Journal
from opswright.nouns import Json, Outcome, Verdict
from tests.agents.counting import count_once

Saver = Any
Opening = Callable[[], AbstractContextManager[Saver]]


def thread_of(name: str) -> dict[str, Any]:
    """The configuration of one run's thread."""
    return {"configurable": {"thread_id": name}}


class CheckpointsContract:
    """Derive it, and say `opening`: the same store each time it is opened. `lasts`: it outlives being closed."""

    lasts = True

    @pytest.fixture
    def opening(self) -> Opening:
        raise NotImplementedError("a class that keeps the contract says how its checkpoints are opened")

    def test_a_run_goes_on_where_it_was(self, opening: Opening) -> None:
        with opening() as saver:
            assert [count_once(saver)["count"] for _ in range(3)] == [1, 2, 3]

    def test_another_opening_finds_it_where_it_lasts(self, opening: Opening) -> None:
        for expected in (1, 2):
            with opening() as saver:
                assert count_once(saver)["count"] == (expected if self.lasts else 1)

    def test_runs_do_not_mix(self, opening: Opening) -> None:
        with opening() as saver:
            assert [count_once(saver, config=thread_of(name))["count"] for name in ("a", "b", "a")] == [1, 1, 2]

    def test_a_run_that_has_ended_is_forgotten_and_no_other(self, opening: Opening) -> None:
        with opening() as saver:
            for name in ("a", "b"):
                count_once(saver, config=thread_of(name))
            saver.delete_thread("a")
            saver.delete_thread("never there")
            assert saver.get_tuple(thread_of("a")) is None
            assert [count_once(saver, config=thread_of(name))["count"] for name in ("a", "b")] == [1, 2]

    @pytest.mark.parametrize("filling", ["ü" * 200_000, storable("a\x00b\ud800"), "\u2028\U0001f680", ""])
    def test_any_text_that_the_loop_lets_in_comes_back_whole(self, opening: Opening, filling: str) -> None:
        with opening() as saver:
            count_once(saver, filling=filling)
            found = saver.get_tuple(thread_of("count"))
        assert found.checkpoint["channel_values"]["filling"] == filling

    def test_only_plain_values_come_back(self, opening: Opening) -> None:
        """Strict: a class of ours in a checkpoint is not rebuilt, whoever put it there."""
        with opening() as saver:
            forged = saver.serde.dumps_typed({"v": Verdict(Outcome.ACCEPTED, "forged"), "plain": [1, 2.5, None, "x"]})
            found = saver.serde.loads_typed(forged)
        assert not isinstance(found["v"], Verdict) and found["plain"] == [1, 2.5, None, "x"]

    def test_threads_may_use_it_at_once(self, opening: Opening) -> None:
        found: dict[str, Json] = {}

        def count(name: str) -> None:
            for _ in range(3):
                found[name] = count_once(saver, config=thread_of(name))["count"]

        with opening() as saver:
            threads = [threading.Thread(target=count, args=(name,)) for name in "abcd"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert found == dict.fromkeys("abcd", 3)


class JournalContract:
    """Derive it, and say `opening`: the same journal each time it is opened."""

    @pytest.fixture
    def opening(self) -> Callable[[], Journal]:
        raise NotImplementedError("a class that keeps the contract says how its journal is opened")

    def test_what_was_appended_is_read_in_order_by_whoever_opens_it(self, opening: Callable[[], Journal]) -> None:
        rows: list[Json] = [{"a": [1, None, "ü"]}, "x", 3, [], "\ud800"]
        seqs = [opening().append("kind", row, run="r", task="t") for row in rows]
        found = list(opening().read("kind", "r", "t"))
        assert [record.payload for record in found] == rows
        assert [record.seq for record in found] == seqs == sorted(seqs)

    def test_a_key_is_written_once_and_keeps_its_first_record(self, opening: Callable[[], Journal]) -> None:
        first = opening().append("kind", 1, key="k")
        assert opening().append("other", 2, key="k") == first
        record = opening().find("k")
        assert record is not None and (record.payload, record.kind) == (1, "kind")
        assert opening().find("another") is None

    def test_of_several_claims_one_holds(self, opening: Callable[[], Journal]) -> None:
        assert [opening().claim("kind", number, key="k") for number in range(3)] == [True, False, False]

    def test_readers_choose_and_go_on_after_what_they_have(self, opening: Callable[[], Journal]) -> None:
        journal = opening()
        seqs = [journal.append(kind, kind, run=run) for kind in ("a", "b") for run in ("r", "s")]
        assert [record.seq for record in journal.read("a")] == seqs[:2]
        assert [record.seq for record in journal.read(run="s")] == [seqs[1], seqs[3]]
        assert [record.seq for record in journal.read(after=seqs[1])] == seqs[2:]
        found = journal.get(seqs[2])
        assert found is not None and found.payload == "b" and journal.get(10**9) is None

    def test_what_is_no_json_is_refused_and_nothing_is_written(self, opening: Callable[[], Journal]) -> None:
        journal = opening()
        for odd in (float("nan"), object(), {1, 2}):
            with pytest.raises((TypeError, ValueError)):
                journal.append("kind", odd)
        assert not list(journal.read())

    def test_threads_lose_nothing(self, opening: Callable[[], Journal]) -> None:
        journal = opening()
        threads = [
            threading.Thread(target=lambda at=at: [journal.append("kind", [at, n]) for n in range(20)])
            for at in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = [record.payload for record in journal.read()]
        assert len(rows) == 80 and all(
            [row for row in rows if row[0] == at] == [[at, n] for n in range(20)] for at in range(4)
        )

    def test_closed_it_opens_itself_again(self, opening: Callable[[], Journal]) -> None:
        journal = opening()
        journal.append("kind", 1)
        journal.close()
        journal.close()
        assert [record.payload for record in journal.read()] == [1]
