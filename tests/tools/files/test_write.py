"""The effect `files.write`: whole or not at all, only over what was approved, and taken back byte for byte."""

import base64
import contextlib
import fcntl
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.errors import ApprovalRefused, InputError, OpswrightError, StoreFailed, ToolFailed
from opswright.nouns import Action, Json, Permit, Risk
from opswright.tools.files import write
from tests.processes import Child, fill_up, small_disk


def perform(action: Action) -> Json:
    return write.perform(action, Permit(action.hash, "person"), "key")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_text("old\n", encoding="utf-8")
    return path


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "opswright" in path.name]


def test_a_file_is_replaced_and_taken_back(file: Path) -> None:
    file.chmod(0o640)
    action = write.action(file, "new\n")
    assert action.risk is Risk.REVERSIBLE
    assert action.preview.splitlines()[-2:] == ["-old", "+new"]
    undo = write.capture(action.arguments)
    assert undo is not None
    assert write.landed(action.arguments, "key") is False
    result = perform(action)
    assert file.read_text() == "new\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert result == {"path": str(file), "sha256": hashlib.sha256(b"new\n").hexdigest(), "size_bytes": 4}
    assert write.landed(action.arguments, "key") is True
    write.revert(undo.captured)
    write.revert(undo.captured)
    assert file.read_text() == "old\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert leftovers(file.parent) == []


def test_a_new_file_has_the_umasks_mode_and_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    action = write.action(path, "new\n")
    undo = write.capture(action.arguments)
    assert undo is not None
    before = os.umask(0o027)
    try:
        perform(action)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    write.revert(undo.captured)
    assert not path.exists()
    write.revert(undo.captured)


def test_bytes_that_are_no_text_are_taken_back_too(file: Path) -> None:
    file.write_bytes(b"\xff\x00\r\n")
    with pytest.raises(InputError):
        write.action(file, "new")
    digest = hashlib.sha256(b"\xff\x00\r\n").hexdigest()
    action = Action(write.NAME, {"path": str(file), "text": "a\r\nb", "expected": digest}, Risk.REVERSIBLE)
    undo = write.capture(action.arguments)
    perform(action)
    assert file.read_bytes() == b"a\r\nb"
    assert undo is not None
    write.revert(undo.captured)
    assert file.read_bytes() == b"\xff\x00\r\n"


def test_what_changed_since_is_left_alone(file: Path) -> None:
    action = write.action(file, "new\n")
    undo = write.capture(action.arguments)
    assert undo is not None
    file.write_text("somebody's\n")
    for step in (lambda: perform(action), lambda: write.capture(action.arguments)):
        with pytest.raises(ToolFailed, match="changed since"):
            step()
    assert file.read_text() == "somebody's\n"
    with pytest.raises(ToolFailed, match="somebody else"):
        write.revert(undo.captured)
    assert file.read_text() == "somebody's\n"
    write.revert(undo.captured, force=True)
    assert file.read_text() == "old\n"


def test_a_file_that_appeared_or_went_is_noticed(tmp_path: Path, file: Path) -> None:
    new, gone = write.action(tmp_path / "new", "new"), write.action(file, "new")
    undo = write.capture(new.arguments)
    assert undo is not None
    (tmp_path / "new").write_text("somebody's")
    file.unlink()
    with pytest.raises(ToolFailed, match="exists by now"):
        perform(new)
    with pytest.raises(ToolFailed, match="does not exist any more"):
        perform(gone)
    with pytest.raises(ToolFailed, match="somebody else"):
        write.revert(undo.captured)
    assert (tmp_path / "new").read_text() == "somebody's"


def test_an_action_can_be_bound_to_what_was_read_earlier(file: Path) -> None:
    assert write.action(file, "new", before="old\n").arguments["expected"] == hashlib.sha256(b"old\n").hexdigest()
    with pytest.raises(InputError, match="changed since it was read"):
        write.action(file, "new", before="older\n")
    with pytest.raises(InputError, match="changed since it was read"):
        write.action(file.with_name("absent"), "new", before="")


def test_another_actions_permit_writes_nothing(file: Path) -> None:
    action, other = write.action(file, "new\n"), write.action(file, "other\n")
    with pytest.raises(ApprovalRefused):
        write.perform(action, Permit(other.hash, "person"), "key")
    foreign = Action("files.other", action.arguments, Risk.REVERSIBLE)
    with pytest.raises(ApprovalRefused):
        write.perform(foreign, Permit(foreign.hash, "person"), "key")
    assert file.read_text() == "old\n"


def test_a_link_is_followed_when_approved_and_refused_when_it_appears_later(tmp_path: Path, file: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    action = write.action(link, "new\n")
    assert action.arguments["path"] == str(file)
    perform(action)
    assert link.is_symlink() and file.read_text() == "new\n"

    secret = tmp_path / "secret"
    secret.write_text("new\n")
    action = write.action(file, "newer\n")
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(ToolFailed, match="symbolic link"):
        perform(action)
    assert secret.read_text() == "new\n"


def test_a_folder_that_became_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for folder in ("one", "two"):
        (tmp_path / folder / "file").write_text("old")
    action = write.action(tmp_path / "one" / "file", "new")
    (tmp_path / "one").rename(tmp_path / "three")
    (tmp_path / "one").symlink_to(tmp_path / "two")
    with pytest.raises(ToolFailed, match="symbolic link"):
        perform(action)
    assert (tmp_path / "two" / "file").read_text() == "old"


def test_a_folder_that_keeps_becoming_a_link_leads_nowhere_else(tmp_path: Path) -> None:
    folder, away, other = tmp_path / "folder", tmp_path / "away", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            folder.rename(away)
            folder.symlink_to(other)
            folder.unlink()
            away.rename(folder)

    actions = [write.action(folder / f"new {number}", "x") for number in range(1000)]
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for action in actions:
            with contextlib.suppress(ToolFailed, StoreFailed):
                perform(action)
    finally:
        stop.set()
        swapper.join()
    assert list(other.iterdir()) == []
    assert leftovers(folder) == []


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "absent/file"):
        with pytest.raises(InputError) as error:
            write.action(tmp_path / name, "new")
        assert "\n" not in str(error.value)
    arguments = {"path": str(tmp_path / "pipe"), "text": "new", "expected": None}
    with pytest.raises(ToolFailed):
        write.capture(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "relative", "text": "", "expected": None},
        {"path": "/tmp/../etc/passwd", "text": "", "expected": None},
        {"path": "/tmp/nul\0", "text": "", "expected": None},
        {"path": "/tmp/x", "text": 1, "expected": None},
        {"path": "/tmp/x", "text": "\ud800", "expected": None},
        {"path": "/tmp/x", "text": "", "expected": 1},
        {"path": "/tmp/x", "text": ""},
        {"path": "/tmp/x", "text": "", "expected": None, "mode": 0o4777},
        {"path": "/tmp/x", "text": "x" * (write.LARGEST_BYTES + 1), "expected": None},
    ],
)
def test_other_arguments_are_refused(arguments: dict[str, Json]) -> None:
    with pytest.raises(InputError):
        write.capture(arguments)


@pytest.mark.parametrize("captured", [{}, {"path": "/x", "content": "!", "mode": 1, "written": ""}])
def test_another_undo_record_is_refused(captured: dict[str, Json]) -> None:
    with pytest.raises(InputError):
        write.revert(captured)


def test_a_full_disk_leaves_the_original_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256) as disk:
        path = disk / "policy.json"
        path.write_text("old\n")
        undo = write.capture(write.action(path, "new\n").arguments)
        assert undo is not None
        filler = fill_up(disk)
        with pytest.raises(StoreFailed, match="No space"):
            perform(write.action(path, "new " * 20_000))
        assert path.read_text() == "old\n"
        assert leftovers(disk) == []
        filler.unlink()
        perform(write.action(path, "new\n"))
        fill_up(disk).chmod(0o600)


def test_a_dead_writers_temporary_file_is_cleared_away(file: Path) -> None:
    action = write.action(file, "new\n")
    undo = write.capture(action.arguments)
    assert undo is not None
    temporary = file.with_name(write._temporary(file, hashlib.sha256(b"new\n").hexdigest()))
    temporary.write_text("ne")
    perform(action)
    assert file.read_text() == "new\n"
    temporary.write_text("ne")
    write.revert(undo.captured)
    assert file.read_text() == "old\n"
    assert leftovers(file.parent) == []


def test_a_planted_temporary_link_is_not_written_through(file: Path) -> None:
    secret = file.with_name("secret")
    secret.write_text("mine")
    action = write.action(file, "new\n")
    file.with_name(write._temporary(file, hashlib.sha256(b"new\n").hexdigest())).symlink_to(secret)
    perform(action)
    assert (secret.read_text(), file.read_text(), file.is_symlink()) == ("mine", "new\n", False)


def test_of_two_writers_from_the_same_state_one_wins(file: Path) -> None:
    # The folder's lock is held until both wait for it, so that both have made their action from the same content.
    folder = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)

    def writer(text: str) -> Callable[[Callable[[str], None]], None]:
        def run(say: Callable[[str], None]) -> None:
            os.close(folder)
            action = write.action(file, text)
            say("ready")
            try:
                perform(action)
            except OpswrightError as error:
                say(f"failed: {error}")
            else:
                say("done")

        return run

    children = [Child(writer("one\n")), Child(writer("two\n"))]
    assert [child.line() for child in children] == ["ready", "ready"]
    os.close(folder)
    outcomes = [child.lines()[0] for child in children]
    assert [child.wait() for child in children] == [0, 0]
    assert sorted(outcome.split(":")[0] for outcome in outcomes) == ["done", "failed"]
    assert file.read_text() == ("one\n" if outcomes[0] == "done" else "two\n")


def test_extended_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.owner", b"team")
    except OSError:
        pytest.skip("no extended attributes on this file system")
    perform(write.action(file, "new\n"))
    assert os.getxattr(file, "user.owner") == b"team"


def test_the_owner_stays(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(file, 65534, 65534)
    file.chmod(0o4750)
    perform(write.action(file, "new\n"))
    status = file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (65534, 65534, 0o4750)


def test_a_preview_says_where_there_is_no_final_newline(file: Path) -> None:
    assert "\\ No newline at end of file" in write.action(file, "new").preview


@settings(deadline=None, max_examples=60)
@given(before=st.none() | st.binary(max_size=40), text=st.text(max_size=40).filter(str.isprintable))
def test_reverting_gives_back_any_content(
    tmp_path_factory: pytest.TempPathFactory, before: bytes | None, text: str
) -> None:
    path = tmp_path_factory.mktemp("files") / "file"
    if before is not None:
        path.write_bytes(before)
    expected = None if before is None else hashlib.sha256(before).hexdigest()
    action = Action(write.NAME, {"path": str(path), "text": text, "expected": expected}, Risk.REVERSIBLE)
    undo = write.capture(action.arguments)
    assert undo is not None
    assert undo.captured["content"] == (None if before is None else base64.b64encode(before).decode())
    perform(action)
    assert path.read_bytes() == text.encode()
    write.revert(undo.captured)
    assert (path.read_bytes() if path.exists() else None) == before


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ToolFailed):
            write.content(odd)
    for no_path in ("a\0b", "\ud800"):
        with pytest.raises(InputError, match="is not a path"):
            write.action(Path(no_path), "x")
    assert write.content(tmp_path / "absent") is None
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    assert write.content(tmp_path / "link") == b"x"


def test_a_line_of_the_diff_ends_at_a_newline_alone() -> None:
    shown = write.diff('{"Sid": "x"}\n', '{"Sid": "x\u2028+ forged\x85"}\n', "a\n+ forged.json")
    assert shown.split("\n") == [
        r"--- a\n+ forged.json (before)",
        r"+++ a\n+ forged.json (after)",
        "@@ -1 +1 @@",
        '-{"Sid": "x"}',
        '+{"Sid": "x\u2028+ forged\x85"}',
        "",
    ]
