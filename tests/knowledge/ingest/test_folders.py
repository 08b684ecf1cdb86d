"""Which files of a folder are taken: circles, strangers' links, what may not be read, what is no manual."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from opswright.knowledge.ingest.folders import OTHER, LeftOut, manuals_in
from tests.processes import Child


def seen(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Names that are taken, in order; and why the others are not."""
    found = list(manuals_in(folder))
    taken = [str(path.relative_to(folder)) for path in found if isinstance(path, Path)]
    return taken, {str(one.path.relative_to(folder)): one.why for one in found if isinstance(one, LeftOut)}


def test_manuals_by_name_in_order_and_the_others_by_reason(tmp_path: Path) -> None:
    folder = tmp_path / "manuals"
    for name in ("b.md", "a.8.gz", "sub/c.html", "sub/README", "z.1", "x.py", "core", ".hidden/d.md", ".e.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    os.mkfifo(folder / "pipe.md")
    taken, left = seen(folder)
    assert taken == ["a.8.gz", "b.md", "z.1", "sub/README", "sub/c.html"]
    assert left == {"core": OTHER, "pipe.md": "no regular file", "x.py": OTHER}


def test_links_cannot_lead_in_circles_or_out(tmp_path: Path) -> None:
    folder, outside = tmp_path / "manuals", tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    outside.mkdir()
    (folder / "a.md").write_text("x")
    (outside / "secret.md").write_text("x")
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "self.md").symlink_to(folder / "self.md")
    (folder / "gone.md").symlink_to(folder / "nowhere")
    (folder / "alias.md").symlink_to(folder / "a.md")
    (folder / "out.md").symlink_to(outside / "secret.md")
    (folder / "away").symlink_to(outside)
    taken, left = seen(folder)
    assert taken == ["a.md"]
    assert left == {
        "away": "a link to a folder, which is not followed",
        "gone.md": "a link that leads nowhere",
        "out.md": "a link that leads out of the folder",
        "self.md": "a link that leads nowhere",
        "sub/up": "a link to a folder, which is not followed",
    }


def test_a_folder_that_may_not_be_read_is_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "manuals"
    (folder / "closed").mkdir(parents=True)
    (folder / "a.md").write_text("x")
    (folder / "closed" / "b.md").write_text("x")
    (folder / "closed").chmod(0)
    if os.geteuid() != 0:
        assert seen(folder) == (["a.md"], {"closed": "the folder cannot be read: Permission denied"})
        return
    here = os.open(folder, os.O_RDONLY)  # the folders above are root's alone

    def as_nobody(say: Callable[[str], None]) -> None:
        os.fchdir(here)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        taken, left = seen(Path())
        say(f"{taken} {left}")

    folder.chmod(0o755)
    child = Child(as_nobody)
    (line,) = child.lines() or [""]
    assert child.wait() == 0
    os.close(here)
    assert line == "['a.md'] {'closed': 'the folder cannot be read: Permission denied'}"


@pytest.mark.parametrize("name", ["absent", "file"])
def test_what_is_no_folder_is_left_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (found,) = manuals_in(tmp_path / name)
    assert isinstance(found, LeftOut) and "cannot be read" in found.why
