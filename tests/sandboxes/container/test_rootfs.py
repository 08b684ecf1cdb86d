"""What is put into the image."""

import dataclasses
import io
import tarfile
from pathlib import Path, PurePosixPath

from opswright.sandboxes.container.rootfs import NEEDED, Entry, archive, digest, entries


def test_everything_comes_after_its_folder_and_none_twice() -> None:
    seen = {"/"}
    for entry in entries():
        assert str(PurePosixPath(entry.path).parent) in seen, entry
        assert entry.path not in seen
        seen.add(entry.path)


def test_what_calls_need_is_there_and_nothing_has_privileges() -> None:
    found = {entry.path: entry for entry in entries()}
    for name in NEEDED:
        assert any(place in found for place in (f"/usr/bin/{name}", f"/bin/{name}")), name
    assert all(entry.mode in (0o755, 0o644, 0o777, 0o1777) for entry in found.values())
    assert not [path for path in found if path.startswith(("/home", "/etc/shadow", "/etc/ssh"))]


def test_links_lead_to_what_is_there() -> None:
    """Those of the working folder lead to what every call makes for itself."""
    found = {entry.path: entry for entry in entries()}
    for path, entry in found.items():
        if entry.target and path != "/work":
            target = Path(path).parent / entry.target
            parts: list[str] = []
            for part in target.parts:
                parts = parts[:-1] if part == ".." else [*parts, part]
            assert _reaches(found, str(Path(*parts))), (path, entry.target)


def _reaches(found: dict[str, Entry], path: str) -> bool:
    for folder in [path, *map(str, Path(path).parents)]:
        if folder in found and found[folder].target:
            target = str(Path(folder).parent / found[folder].target)
            return _reaches(found, target + path.removeprefix(folder))
    return path in found


def test_the_same_content_gives_the_same_digest(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    some = (
        Entry("/etc"),
        Entry("/etc/text", 0o644, text=b"text"),
        Entry("/file", copy_of=file),
        Entry("/l", target="x"),
    )
    first = digest(some)
    assert digest(some) == first
    changed = [
        (*some[:1], dataclasses.replace(some[1], text=b"other"), *some[2:]),
        (*some[:1], dataclasses.replace(some[1], mode=0o755), *some[2:]),
        (*some[:3], dataclasses.replace(some[3], target="y")),
        some[:3],
    ]
    assert len({first, *map(digest, changed)}) == 5
    file.write_bytes(b"two")
    assert digest(some) != first


def test_the_archive_holds_just_that(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 9)
    some = (
        Entry("/etc"),
        Entry("/etc/t", 0o644, text=b"text"),
        Entry("/run", copy_of=file),
        Entry("/link", 0o777, "etc/t"),
    )
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive(some)))) as tar:
        members = {member.name: member for member in tar}
        assert {name: (one.mode, one.uid, one.type) for name, one in members.items()} == {
            "etc": (0o755, 0, tarfile.DIRTYPE),
            "etc/t": (0o644, 0, tarfile.REGTYPE),
            "run": (0o755, 0, tarfile.REGTYPE),
            "link": (0o777, 0, tarfile.SYMTYPE),
        }
        content = tar.extractfile("run")
        assert content is not None and content.read() == file.read_bytes()
        assert members["link"].linkname == "etc/t"
