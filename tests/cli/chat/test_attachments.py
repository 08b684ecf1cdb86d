"""Which words of a request name files."""

from pathlib import Path

import pytest

from opswright.cli.chat.attachments import named_in
from opswright.errors import InputError


@pytest.mark.parametrize("written", ['@"my policy.json"', r"@my\ policy.json"])
def test_a_name_with_a_space(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my policy.json").write_text("{}")
    assert named_in(f"repair {written}, please") == ("repair my policy.json, please", ["my policy.json"])


def test_words_behind_an_at_that_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert named_in("ask @ann about it") == ("ask @ann about it", [])
    for written in ("@gone.json", r"@my\ gone.json", '@"gone/it"'):
        with pytest.raises(InputError, match="gone"):
            named_in(f"repair {written}")
