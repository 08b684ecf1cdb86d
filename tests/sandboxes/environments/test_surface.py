"""A surface: recorded sample by sample however often it is killed, and resampled by a seed."""

import json
import os
import signal
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.errors import EnvironmentFailed, InputError, RecordingMissing, StoreFailed, ToolFailed
from opswright.nouns import Json
from opswright.sandboxes.environments.grid import Grid, key_of
from opswright.sandboxes.environments.ports import MEASURE
from opswright.sandboxes.environments.surface import Surface
from opswright.sandboxes.environments.surface_recorder import SurfaceRecorder, record_surface
from tests.processes import Child, fill_up, small_disk
from tests.sandboxes.environments.toys import COMMAND, GRID, Bench, sampling, surface

POINTS = GRID.points()
FAST, SAFE = {"cache_mb": 1, "mode": "fast"}, {"cache_mb": 1, "mode": "safe"}
BLOCKS = 4


def record(path: Path, live: Bench | None = None, blocks: int = BLOCKS, repeats: int = 1) -> Path:
    """Records until it is done; what dies in between goes on with another bench."""
    recorder = sampling(path, live or Bench())
    try:
        record_surface(recorder, blocks, repeats=repeats)
    finally:
        recorder.close()
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four blocks of the whole grid."""
    return record(tmp_path_factory.mktemp("surface") / "bench.surface.jsonl")


def measure(environment: Surface | SurfaceRecorder, configuration: Json, **more: Json) -> float:
    value: float = environment.call(MEASURE, {"configuration": configuration, **more})["mb_s"]
    return value


def test_every_block_has_every_configuration_in_an_order_of_its_own(whole: Path) -> None:
    samples = surface(whole).samples
    orders = [[key_of(one.configuration) for one in samples if one.block == str(block)] for block in range(1, 5)]
    assert all(sorted(order) == sorted(map(key_of, POINTS)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert len(surface(whole).blocks()) == BLOCKS


@given(st.integers(0, 9), st.lists(st.sampled_from(POINTS), min_size=1, max_size=30), st.randoms())
@settings(max_examples=30)
def test_the_same_seed_gives_the_same_samples_in_whatever_order(
    whole: Path, seed: int, asked: list[dict[str, Json]], random: "object"
) -> None:
    def drawn(order: list[dict[str, Json]]) -> dict[str, list[float]]:
        one, found = surface(whole, seed), dict[str, list[float]]()
        for configuration in order:
            found.setdefault(key_of(configuration), []).append(measure(one, configuration))
        return found

    shuffled = list(asked)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert drawn(asked) == drawn(asked) == drawn(shuffled)


@given(st.integers(0, 9), st.sampled_from(POINTS), st.integers(0, 99), st.none() | st.text(min_size=1, max_size=3))
def test_a_named_repeat_needs_no_memory(
    whole: Path, seed: int, point: dict[str, Json], repeat: int, block: str | None
) -> None:
    """So that a task that goes on in another process, or in several, draws what it would have drawn."""
    repeat = 0 if block else repeat
    first, other = surface(whole, seed), surface(whole, seed)
    for _ in range(3):
        measure(first, point)
    asked: dict[str, Json] = {"repeat": repeat, "block": block}
    assert measure(first, point, **asked) == measure(other, point, **asked) == measure(first, point, **asked)


def test_repeats_differ_as_the_noise_did(whole: Path) -> None:
    one = surface(whole)
    recorded = {sample.values["mb_s"] for sample in one.samples if sample.configuration == FAST}
    drawn = Counter(measure(one, FAST) for _ in range(400))
    assert set(drawn) == recorded and len(recorded) == BLOCKS
    assert all(60 < count < 140 for count in drawn.values()), drawn  # 100 each; five standard deviations are 43


def test_other_seeds_draw_other_samples(whole: Path) -> None:
    runs = {tuple(measure(surface(whole, seed), FAST, repeat=at) for at in range(8)) for seed in range(20)}
    assert len(runs) > 15


def test_what_is_measured_under_one_block_was_measured_together(whole: Path) -> None:
    one, of_block = surface(whole), {}
    for sample in one.samples:
        of_block[sample.values["mb_s"]] = sample.block
    used = set()
    for label in range(40):
        blocks = {of_block[measure(one, point, block=f"pair {label}")] for point in POINTS}
        assert len(blocks) == 1
        used |= blocks
    assert len(used) == BLOCKS  # blocks are drawn with replacement, and all are drawn


def test_pairs_of_a_block_share_the_drift(tmp_path: Path) -> None:
    """`fast` is faster by 1; over the recording everything drifts by far more. Pairs see it, single samples do not."""
    one = surface(record(tmp_path / "s.jsonl", Bench(drift=0.05, noise=0.01), blocks=20))

    def gains(paired: bool) -> list[float]:
        found = []
        for at in range(60):
            asked = {"block": f"b{at}"} if paired else {}
            found.append(measure(one, FAST, **asked) - measure(one, SAFE, **asked))
        return found

    assert all(0.6 < gain < 1.4 for gain in gains(paired=True))
    assert min(gains(paired=False)) < 0


def test_no_sample_counts_twice_within_a_block(tmp_path: Path) -> None:
    one = surface(record(tmp_path / "s.jsonl", repeats=2))
    assert measure(one, FAST, block="b") != measure(one, FAST, block="b")
    with pytest.raises(ToolFailed, match=r"with 2 samples of a configuration, and number 3 .* take another block"):
        measure(one, FAST, block="b")


def test_off_the_grid_is_a_clear_error_that_the_sampler_sees(whole: Path) -> None:
    one = surface(whole)
    with pytest.raises(ToolFailed, match="cache_mb = 3; allowed are 1, 2, 4"):
        measure(one, {"cache_mb": 3, "mode": "fast"})
    assert one.grid().points() == POINTS
    assert measure(one, {"cache_mb": 1.0, "mode": "fast"}, repeat=0) == measure(one, FAST, repeat=0)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"configuration": 1},
        {"configuration": FAST, "block": 1},
        {"configuration": FAST, "repeat": -1},
        {"configuration": FAST, "repeat": True},
        {"configuration": FAST, "other": 1},
    ],
)
def test_a_call_of_another_form_is_refused(whole: Path, arguments: dict[str, Json]) -> None:
    with pytest.raises(ToolFailed):
        surface(whole).call(MEASURE, arguments)
    with pytest.raises(ToolFailed, match="only answers measure, not reboot"):
        surface(whole).call("reboot", arguments)


def test_a_configuration_that_failed_fails_again(tmp_path: Path) -> None:
    path = record(tmp_path / "s.jsonl", Bench(fails=SAFE))
    for block in ({}, {"block": "b"}):
        with pytest.raises(ToolFailed, match="it does not start"):
            measure(surface(path), SAFE, **block)
        measure(surface(path), FAST, **block)


@given(st.lists(st.integers(0, len(POINTS) * 2), max_size=5))
@settings(max_examples=25, deadline=None)
def test_killed_wherever_it_goes_on_with_the_next_sample(deaths: list[int]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.jsonl"
        measured = 0
        for death in deaths:
            bench = Bench(die_at=death)
            try:
                record(path, bench, blocks=2)
            except KeyboardInterrupt:
                measured += bench.calls
            else:
                measured += bench.calls
                break
        last = Bench()
        record(path, last, blocks=2)
        assert measured + last.calls == 2 * len(POINTS), "no sample was taken twice, none was lost"
        samples = surface(path).samples
        assert Counter((one.block, key_of(one.configuration)) for one in samples) == Counter(
            (block, key_of(point)) for block in ("1", "2") for point in POINTS
        )


@given(st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_cut_at_any_byte_it_goes_on(whole: Path, share: float) -> None:
    content = whole.read_bytes()
    header = content.index(b"\n") + 1
    end = content.index(b'"block": "2"')
    end = content.rindex(b"\n", 0, end) + 1  # of the first block
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.jsonl"
        path.write_bytes(content[: header + round(share * (end - header))])
        record(path, blocks=1)
        assert sorted(key_of(one.configuration) for one in surface(path).samples) == sorted(map(key_of, POINTS))


def test_really_killed(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"

    class Dying(Bench):
        def call(self, operation: str, arguments: Json) -> Json:
            if self.calls == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().call(operation, arguments)

    def work(say: object) -> None:
        record(path, Dying())

    assert Child(work).wait() == -signal.SIGKILL
    assert len(surface(path).samples) == 3
    record(path)
    assert len(surface(path).samples) == BLOCKS * len(POINTS)


def test_pairs_never_come_from_a_block_with_a_pause_in_it(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    with pytest.raises(KeyboardInterrupt):
        record(path, Bench(die_at=3))
    record(path, blocks=1)
    with pytest.raises(RecordingMissing, match=f"no whole block was recorded in one go, .*; record it with {COMMAND}"):
        measure(surface(path), FAST, block="b")
    measure(surface(path), FAST)  # single samples are good all the same
    record(path, blocks=2)
    assert len(surface(path).blocks()) == 1
    measure(surface(path), FAST, block="b")


def test_a_sampler_that_was_recorded_is_played_back_by_its_own_blocks(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    for bench in (Bench(), Bench(drift=5.0)):  # recorded twice: the second time is what counts
        recorder = sampling(path, bench)
        heard = [measure(recorder, point, block="pair 1") for point in (FAST, SAFE, FAST)]
        recorder.close()
    one = surface(path)
    assert {measure(one, FAST, block="pair 1"), measure(one, FAST, block="pair 1")} == {heard[0], heard[2]}
    assert measure(one, SAFE, block="pair 1") == heard[1]
    with pytest.raises(RecordingMissing, match=r"nor .* in a block 'pair 2'"):
        measure(one, FAST, block="pair 2")
    with pytest.raises(RecordingMissing, match="in a block 'pair 1'"):
        measure(one, {"cache_mb": 4, "mode": "fast"}, block="pair 1")


def test_a_point_without_a_sample_is_a_miss_that_names_the_command(tmp_path: Path) -> None:
    recorder = sampling(tmp_path / "s.jsonl", Bench())
    measure(recorder, FAST)
    recorder.close()
    with pytest.raises(RecordingMissing, match=rf"nothing was measured at .*safe.*; record it with {COMMAND}"):
        measure(surface(tmp_path / "s.jsonl"), SAFE)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    recorder = sampling(tmp_path / "s.jsonl", Bench())
    record_surface(recorder, 1, progress=lambda done, total: told.append((done, total)))
    recorder.close()
    assert told[0] == (0, len(POINTS)) and told[-1] == (len(POINTS), len(POINTS))


def test_another_grid_or_name_does_not_go_on_in_the_file(whole: Path, tmp_path: Path) -> None:
    class Other(Bench):
        def grid(self) -> Grid:
            return Grid({"cache_mb": (1,)}, ("mb_s",))

    with pytest.raises(InputError, match="has another grid"):
        sampling(whole, Other())
    with pytest.raises(InputError, match="is a recording of bench, not of other"):
        sampling(whole, Bench(name="other"))
    with pytest.raises(InputError, match="is a recording of bench, not of other"):
        Surface(whole, name="other")


@pytest.mark.parametrize(
    "given", [{}, {"mb_s": True}, {"mb_s": "1"}, {"mb_s": 1, "more": 2}, [1], {"mb_s": float("inf")}]
)
def test_a_measurement_is_finite_numbers_by_name(tmp_path: Path, given: Json) -> None:
    class Odd(Bench):
        def call(self, operation: str, arguments: Json) -> Json:
            return given

    with pytest.raises(EnvironmentFailed):
        measure(sampling(tmp_path / "s.jsonl", Odd()), FAST)


def test_a_grid_with_a_secret_is_not_recorded(tmp_path: Path) -> None:
    class Telling(Bench):
        def grid(self) -> Grid:
            return Grid({"url": ("postgres://me:hunter22@host/db",)}, ("mb_s",))

    with pytest.raises(InputError, match="looks like a secret"):
        sampling(tmp_path / "s.jsonl", Telling())
    assert not list(tmp_path.iterdir())


def test_two_recorders_of_one_surface_do_not_mix(tmp_path: Path) -> None:
    first = sampling(tmp_path / "s.jsonl", Bench())
    with pytest.raises(EnvironmentFailed, match="another process is recording into it"):
        sampling(tmp_path / "s.jsonl", Bench())
    first.close()


def test_a_changed_sample_is_seen(tmp_path: Path) -> None:
    path = record(tmp_path / "s.jsonl", blocks=1)
    path.write_text(path.read_text().replace('"mb_s": 1', '"mb_s": 9', 1))
    with pytest.raises(InputError, match="was changed since it was recorded"):
        surface(path)


def test_samples_say_when_they_were_taken_and_how_long_that_took(tmp_path: Path) -> None:
    path = record(tmp_path / "s.jsonl", blocks=1)
    rows = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert all(row["at"] > 1.7e9 and row["seconds"] >= 0 and row["session"] == 1 for row in rows)
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)


@pytest.mark.live
def test_a_full_disk_loses_no_sample_that_was_acknowledged(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        recorder = sampling(disk / "s.jsonl", Bench())
        measure(recorder, FAST)
        fill_up(disk)
        with pytest.raises(StoreFailed, match="No space left"):
            for _ in range(200):
                measure(recorder, FAST)
        acknowledged = len(recorder.samples)
        recorder.close()
        assert len(surface(disk / "s.jsonl").samples) == acknowledged
