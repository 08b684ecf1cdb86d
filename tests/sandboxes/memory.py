"""Contract of a sandbox, fourth part: a call at its memory limit is frozen and asked about, where that can be."""

import time
from dataclasses import replace

import pytest

from opswright.sandboxes.ports import MIB, Command, Limit, Limits, MemoryAsk, OnMemory, Sandbox
from tests.sandboxes.host import Traces, new_mark, processes_with, python

SMALL = Limits(memory_bytes=40 * MIB, disk_bytes=MIB, seconds=30.0)
_NEEDS_80 = "held = bytearray(80 << 20); print('finished')"


def asked_with(answers: list[int | None], seen: list[MemoryAsk]) -> OnMemory:
    """Answers in order, and keeps the questions."""

    def ask(question: MemoryAsk) -> int | None:
        seen.append(question)
        return answers.pop(0)

    return ask


class AtTheMemoryLimit:
    """Without freezing a call is stopped there; with it, somebody decides."""

    def test_without_anybody_to_ask_it_is_stopped(self, sandbox: Sandbox) -> None:
        done = sandbox.run(python(_NEEDS_80), SMALL)
        assert (done.stopped_by, done.exit_code, done.stdout) == (Limit.MEMORY, 137, b"")
        assert done.met >= {Limit.MEMORY}

    def test_a_call_whose_child_was_killed_for_memory_is_stopped_as_a_whole(self, sandbox: Sandbox) -> None:
        done = sandbox.run(Command(["sh", "-c", 'python3 -c "$1"; while :; do :; done', "sh", _NEEDS_80]), SMALL)
        assert (done.stopped_by, done.exit_code) == (Limit.MEMORY, 137)

    def test_files_count_as_memory(self, sandbox: Sandbox) -> None:
        """They live in a tmpfs."""
        command = Command(["sh", "-c", "head -c 60000000 /dev/zero > file; exec sleep 60"])
        done = sandbox.run(command, replace(SMALL, disk_bytes=100 * MIB))
        assert (done.stopped_by, done.exit_code) == (Limit.MEMORY, 137)

    def test_a_command_too_long_for_its_memory_is_stopped_before_it_begins(self, sandbox: Sandbox) -> None:
        """The shell before it holds all of it. Asked or not, nobody waits for that shell for ever."""
        command, limits = Command(["true", *["x" * 100_000] * 300]), replace(SMALL, memory_bytes=16 * MIB)
        for on_memory in (None, lambda question: None):
            done = sandbox.run(command, limits, on_memory)
            assert (done.stopped_by, done.exit_code, done.stdout) == (Limit.MEMORY, 137, b"")

    def test_raised_it_finishes(self, sandbox: Sandbox) -> None:
        _must_freeze(sandbox)
        command, seen = python(_NEEDS_80), list[MemoryAsk]()
        done = sandbox.run(command, SMALL, asked_with([200 * MIB], seen))
        assert done.succeeded and done.stdout == b"finished\n"
        assert seen == [MemoryAsk(command.argv, SMALL.memory_bytes)]
        assert Limit.MEMORY in done.met
        assert done.peak_memory_bytes is None or 80 * MIB < done.peak_memory_bytes <= 200 * MIB

    def test_it_is_asked_again_at_the_new_limit(self, sandbox: Sandbox) -> None:
        _must_freeze(sandbox)
        seen: list[MemoryAsk] = []
        done = sandbox.run(python(_NEEDS_80), SMALL, asked_with([50 * MIB, 60 * MIB, 200 * MIB], seen))
        assert done.succeeded
        assert [question.used_bytes for question in seen] == [40 * MIB, 50 * MIB, 60 * MIB]

    @pytest.mark.parametrize("answer", [None, 0, 40 * MIB])
    def test_refused_it_is_stopped(self, sandbox: Sandbox, answer: int | None) -> None:
        """An answer that is not above the limit is a refusal: the call would only be frozen again."""
        _must_freeze(sandbox)
        mark, seen = new_mark(), list[MemoryAsk]()
        done = sandbox.run(python(_NEEDS_80, mark), SMALL, asked_with([answer], seen))
        assert (done.stopped_by, done.exit_code, len(seen)) == (Limit.MEMORY, 137, 1)
        assert processes_with(mark) == []

    def test_the_time_somebody_thinks_is_not_the_calls(self, sandbox: Sandbox) -> None:
        _must_freeze(sandbox)
        limits = replace(SMALL, seconds=1.5)

        def slowly(question: MemoryAsk) -> int:
            time.sleep(limits.seconds + 0.5)  # what is tested, not a way to wait for something
            return 200 * MIB

        assert sandbox.run(python(_NEEDS_80), limits, slowly).succeeded

    def test_a_question_that_fails_leaves_nothing_running(self, sandbox: Sandbox) -> None:
        _must_freeze(sandbox)
        mark = new_mark()
        sandbox.run(Command(["true"]), SMALL)
        before = Traces.now()

        def fail(question: MemoryAsk) -> int:
            raise KeyError("nobody there")

        with pytest.raises(KeyError):
            sandbox.run(python(_NEEDS_80, mark), SMALL, fail)
        assert processes_with(mark) == []
        assert Traces.now() == before


def _must_freeze(sandbox: Sandbox) -> None:
    if not sandbox.freezes:
        pytest.skip("calls cannot be frozen here: that takes control groups of version 1, and root")
