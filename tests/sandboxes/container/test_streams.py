"""The engine's way of sending two outputs over one connection."""

from hypothesis import given
from hypothesis import strategies as st

from opswright.sandboxes.container.streams import Demultiplexer

_PIECES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=12)


def framed(pieces: list[tuple[int, bytes]]) -> bytes:
    """As the engine sends them."""
    return b"".join(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in pieces)


@given(_PIECES, st.integers(1, 60), st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_however_it_is_cut_each_output_is_whole_up_to_its_limit(
    pieces: list[tuple[int, bytes]], most: int, cuts: list[int]
) -> None:
    outputs = Demultiplexer(most)
    sent = framed([(1, b"+"), *pieces])
    at = turn = 0
    while at < len(sent):
        step = cuts[turn % len(cuts)]
        outputs.take(sent[at : at + step])
        at, turn = at + step, turn + 1
    for number, name in ((1, "stdout"), (2, "stderr")):
        whole = b"".join(data for stream, data in pieces if stream == number)
        assert bytes(outputs.kept[name]) == whole[:most]
        assert outputs.seen[name] == len(whole)
    assert outputs.started


def test_it_has_not_started_before_its_first_byte() -> None:
    outputs = Demultiplexer(10)
    outputs.take(framed([(2, b"a complaint")]))
    assert not outputs.started and bytes(outputs.kept["stderr"]) == b"a complaint"[:10]
