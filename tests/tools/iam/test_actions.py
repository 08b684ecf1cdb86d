"""The action database: look-ups against the package's own file, the cache, and what it survives."""

import json
import random
import re
from pathlib import Path

import pytest

from opswright.errors import EnvironmentFailed
from opswright.tools.iam import action_index, globs
from opswright.tools.iam.actions import ActionDatabase, arn_glob, fill, load
from opswright.tools.iam.condition_keys import global_key
from opswright.tools.iam.realism import can_act_on, suggestion


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> ActionDatabase:
    return load(tmp_path_factory.mktemp("cache"))


def test_every_action_of_the_package_is_there(database: ActionDatabase) -> None:
    definition = json.loads(action_index.source_file().read_bytes())
    names = [f"{p}:{a}" for p, s in definition.items() if isinstance(s, dict) for a in s["privileges"]]
    assert len(names) > 20_000
    assert database.names == tuple(sorted(name.lower() for name in names))
    for name in random.Random(1).sample(names, 300):
        assert database.knows(name.upper()) and database.spelled(name.lower()) == name
        service, action = name.split(":")
        rows = definition[service]["privileges"][action]["resource_types"]
        templates = {definition[service]["resources"][kind]["arn"] for kind in rows if kind}
        assert set(database.resource_types(name)) == {arn_glob(arn) for arn in templates}
        keys = {key.lower() for row in rows.values() for key in row["condition_keys"]}
        assert keys <= set(database.condition_keys(name))
        assert database.access_level(name) == definition[service]["privileges"][action]["access_level"]


def test_matching_agrees_with_the_plain_definition(database: ActionDatabase) -> None:
    patterns = (
        "*",
        "s3:*",
        "S3:Get*",
        "*:*get*",
        "ec2:?escribe*",
        "s3:getobject",
        "s3:nothing",
        "iam:*AccessKey*",
        "s*:*",
        "x:*",
    )
    for pattern in patterns:
        expected = tuple(name for name in database.names if globs.matches(pattern.lower(), name))
        assert database.matching(pattern) == expected
        assert database.unknown(pattern) == (not expected)


def test_resources_and_examples(database: ActionDatabase) -> None:
    assert "arn:*:s3:::*/*" in database.resource_types("s3:GetObject")
    assert database.example_resource("S3:getobject") == "arn:aws:s3:::examplebucket/examplekey"
    assert database.example_resource("s3:ListBucket") == "arn:aws:s3:::examplebucket"
    assert database.example_resource("s3:ListAllMyBuckets") == "*"
    assert database.example_resource("no:Action") == "*"
    for name in random.Random(2).sample(database.names, 500):
        example = database.example_resource(name)
        kinds = database.resource_types(name)
        assert (example == "*") == (not kinds)
        assert not kinds or (any(globs.matches(kind, example) for kind in kinds) and not globs.is_glob(example))
        assert "${" not in example and "<" not in example
    assert (
        fill("arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}")
        == "arn:aws:iam::123456789012:role/examplerole"
    )


def test_condition_keys(database: ActionDatabase) -> None:
    keys = database.condition_keys("ec2:RunInstances")
    assert (keys["ec2:instancetype"].type, keys["ec2:instancetype"].multivalued) == ("String", False)
    assert keys["aws:tagkeys"].multivalued
    assert database.condition_keys("no:Action") == {}
    assert [key.type for key in (global_key("AWS:sourceip"), global_key("aws:PrincipalTag/x")) if key] == [
        "IPAddress",
        "String",
    ]
    assert global_key("aws:NoSuchKey") is None


def test_nearest(database: ActionDatabase) -> None:
    assert database.nearest("s3:GetObjct") == "s3:GetObject"
    assert database.nearest("ssm: TerminateSession") == "ssm:TerminateSession"
    assert database.nearest("dynamdb:GetItem") == "dynamodb:GetItem"
    assert database.nearest("zzz:qqqqqqqq") is None


def test_what_can_act_on_what(database: ActionDatabase) -> None:
    yes = [
        ("s3:GetObject", "arn:aws:s3:::b/*"),
        ("s3:GetObject", "arn:aws:s3:::b*"),
        ("s3:ListBucket", "arn:aws:s3:::b"),
        ("s3:ListBucket", "*"),
        ("s3:ListAllMyBuckets", "*"),
        ("iam:GetRole", "arn:aws:iam::123456789012:role/a/b"),
        ("s3:GetObject", "arn:aws:s3:::b/${aws:username}/*"),
        ("s3:ListBucket", "arn:aws:s3:::${aws:PrincipalTag/team, 'all'}"),
    ]
    no = [
        ("s3:GetObject", "arn:aws:s3:::b"),
        ("s3:ListBucket", "arn:aws:s3:::b/*"),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::b"),
        ("iam:GetRole", "arn:aws:iam::123456789012:user/a"),
        ("s3:GetObject", ""),
    ]
    assert [can_act_on(database, *pair) for pair in yes] == [True] * len(yes)
    assert [can_act_on(database, *pair) for pair in no] == [False] * len(no)
    assert suggestion(database, "s3:GetObject", "arn:aws:s3:::b") == "arn:aws:s3:::b/*"
    assert suggestion(database, "s3:ListBucket", "arn:aws:s3:::b/*") == "arn:aws:s3:::b"
    assert suggestion(database, "iam:GetRole", "arn:aws:s3:::b") is None


def cached(folder: Path) -> Path:
    (file,) = folder.glob("aws-actions-*.idx")
    return file


def test_a_second_load_reads_the_cache_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = action_index.load_index(tmp_path)
    file = cached(tmp_path)
    assert file.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(action_index, "build", None)
    assert action_index.load_index(tmp_path) == first
    assert re.fullmatch(r"aws-actions-[\d.]+-\d+\.idx", file.name)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied", "other version", "no json", "directory"])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, damage: str) -> None:
    first = action_index.load_index(tmp_path)
    file = cached(tmp_path)
    data = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(data[:-1000])
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif damage == "emptied":
        file.write_bytes(b"")
    elif damage == "other version":
        file.write_bytes(data.replace(first.version.encode(), b"0.0.0x", 1))
    elif damage == "no json":
        file.write_bytes(b"[]\nx")
    else:
        file.unlink()
        file.mkdir()
    assert action_index.load_index(tmp_path) == first
    if damage != "directory":
        assert action_index.decode(file.read_bytes(), first.version) == first
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert len(action_index.load_index(blocked / "opswright").names) > 20_000
    assert blocked.read_text() == ""


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(action_index, "PACKAGE", "no_such_package_here")
    with pytest.raises(EnvironmentFailed, match=r"install opswright\[policy\]"):
        action_index.load_index(tmp_path)


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert action_index.default_cache_dir() == tmp_path / "opswright"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert action_index.default_cache_dir() == tmp_path / ".cache" / "opswright"
