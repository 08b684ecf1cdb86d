"""The image is built once for each content, by whoever comes first."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.container import rootfs
from opswright.sandboxes.container.engine import connect
from opswright.sandboxes.container.image import ensure, present, tag_of
from opswright.sandboxes.container.opening import open_container
from opswright.sandboxes.container.rootfs import Entry
from opswright.sandboxes.ports import Command
from opswright.settings.shape import SandboxSettings
from tests.live import docker_engine
from tests.processes import Child

pytestmark = pytest.mark.live


def contents(text: str) -> Callable[[], tuple[Entry, ...]]:
    """An image of one small file, which no other test has."""
    return lambda: (Entry("/etc"), Entry("/etc/t", 0o644, text=text.encode()))


@pytest.fixture
def text() -> Iterator[str]:
    """Something new to put into an image; the image is removed."""
    docker_engine()
    text = secrets.token_hex(8)
    yield text
    api = connect()
    tag = tag_of(rootfs.digest(contents(text)()))
    if present(api, tag):
        api.remove_image(tag)
    api.close()


def test_it_is_built_once_and_again_when_its_content_is_new(text: str) -> None:
    api = connect()
    said: list[str] = []
    first = ensure(api, None, said.append, contents(text))
    built = api.inspect_image(first)
    assert len(said) == 1 and "building" in said[0]
    assert ensure(api, None, said.append, contents(text)) == first
    assert len(said) == 1 and api.inspect_image(first)["Id"] == built["Id"]
    other = ensure(api, None, said.append, contents(text + "!"))
    assert other != first and len(said) == 2
    api.remove_image(other)
    api.close()


def test_two_processes_that_come_at_once_build_it_once(text: str) -> None:
    def work(say: Callable[[str], None]) -> None:
        lines: list[str] = []
        say(ensure(connect(), None, lines.append, contents(text)))
        say(str(len(lines)))

    children = [Child(work) for _ in range(4)]
    said = [child.lines() for child in children]
    assert [child.wait() for child in children] == [0] * 4
    assert {tag for tag, _ in said} == {tag_of(rootfs.digest(contents(text)()))}
    assert sum(int(built) for _, built in said) == 1


def test_threads_too(text: str) -> None:
    api = connect()
    lines: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        tags = set(pool.map(lambda _: ensure(api, None, lines.append, contents(text)), range(4)))
    assert len(tags) == 1 and len(lines) == 1
    api.close()


def test_an_image_that_cannot_run_a_command_is_told(text: str) -> None:
    api = connect()
    empty = ensure(api, None, lambda line: None, contents(text))
    with pytest.raises(SandboxUnavailable) as told:
        open_container(SandboxSettings(image=empty))
    assert "\n" not in str(told.value)
    _remove_those_upon(empty)
    api.close()


def test_a_named_image_serves_with_the_working_folder_where_it_always_is(text: str) -> None:
    api = connect()
    ours = ensure(api, None, lambda line: None)
    api.tag(ours, "opswright-test-named", text)
    named = f"opswright-test-named:{text}"
    sandbox = open_container(SandboxSettings(image=named))
    try:
        done = sandbox.run(Command(["sh", "-c", "cat /work/f; cd $HOME && pwd"], files={"f": b"here "}))
        assert done.stdout == b"here /work\n", done
    finally:
        sandbox.close()
        _remove_those_upon(named)
        api.remove_image(named)
        api.close()


def test_a_named_image_that_is_missing_is_not_fetched() -> None:
    docker_engine()
    with pytest.raises(SandboxUnavailable, match="no image 'no-such-image:1'"):
        open_container(SandboxSettings(image="no-such-image:1"))


def test_programs_that_make_no_image_are_told(tmp_path: Path) -> None:
    docker_engine()

    def broken() -> tuple[Entry, ...]:
        raise ValueError("this machine has no tar")

    api = connect()
    with pytest.raises(SandboxUnavailable, match=r"no tar.*sandbox\.image"):
        ensure(api, None, lambda line: None, broken)
    api.close()


def _remove_those_upon(named: str) -> None:
    api = connect()
    base = api.inspect_image(named)["Id"].rpartition(":")[2]
    tag = tag_of(f"on-{base}")
    if present(api, tag):
        api.remove_image(tag)
    api.close()
