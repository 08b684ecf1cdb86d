"""A person's halt: seen by whoever waits for it, and calls off what blocks."""

import threading

import pytest

from opswright.agents.halting import Halt


def test_everybody_who_waits_is_told() -> None:
    halt = Halt()
    told: list[bool] = []
    threads = [threading.Thread(target=lambda: told.append(halt.asked(600.0))) for _ in range(4)]
    for thread in threads:
        thread.start()
    halt.ask()
    for thread in threads:
        thread.join(60.0)
    assert told == [True] * 4 and halt.asked()
    with pytest.raises(KeyboardInterrupt):
        halt.check()


def test_nobody_is_told_before() -> None:
    halt = Halt()
    assert not halt.asked() and not halt.asked(0.01)
    halt.check()


def test_what_blocks_is_called_off_though_another_one_fails() -> None:
    halt, called_off = Halt(), threading.Event()

    def breaks() -> None:
        raise OSError("no such connection")

    halt.on_ask(breaks)
    unregister = halt.on_ask(called_off.set)
    halt.ask()
    assert called_off.wait(60.0)
    unregister()


def test_it_is_called_off_again_until_its_end() -> None:
    """The first time may come before the call has begun."""
    halt, twice = Halt(), threading.Semaphore(0)
    unregister = halt.on_ask(twice.release)
    halt.ask()
    assert twice.acquire(timeout=60.0) and twice.acquire(timeout=60.0)
    unregister()
    unregister()


def test_what_is_over_is_left_alone() -> None:
    halt, over, other = Halt(), threading.Event(), threading.Event()
    halt.on_ask(over.set)()
    unregister = halt.on_ask(other.set)
    halt.ask()
    assert other.wait(60.0) and not over.is_set()
    unregister()


def test_nothing_that_blocks_begins_after_it() -> None:
    halt = Halt()
    halt.ask()
    with pytest.raises(KeyboardInterrupt):
        halt.on_ask(lambda: None)
