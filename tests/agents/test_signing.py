"""Keys: made private, read strictly, and every mistake is one line."""

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from opswright.agents.signing import PASSPHRASE_VARIABLE, generate_key, load_key, read_public, signature_holds
from opswright.errors import ConfigError, StoreFailed


def one_line(error: pytest.ExceptionInfo[ConfigError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert error.value.exit_code == 2
    return message


def test_a_generated_key_signs(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.pem"
    before = os.umask(0)
    try:
        public = generate_key(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = load_key(path)
    assert key.public == public
    signature = key.sign(b"message")
    assert signature_holds(public, b"message", signature)
    assert not signature_holds(public, b"another", signature)
    assert not signature_holds(public, b"message", bytes(64))
    assert not signature_holds(generate_key(tmp_path / "other"), b"message", signature)
    assert not signature_holds("nonsense", b"message", signature)
    assert "PRIVATE" not in repr(key) and key.public in repr(key)


def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.pem"
    public = generate_key(path, "right")
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    with pytest.raises(ConfigError) as error:
        load_key(path)
    assert PASSPHRASE_VARIABLE in one_line(error)
    for wrong in ("wrong", ""):
        monkeypatch.setenv(PASSPHRASE_VARIABLE, wrong)
        with pytest.raises(ConfigError) as error:
            load_key(path)
        assert PASSPHRASE_VARIABLE in one_line(error) and "right" not in str(error.value)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "right")
    assert load_key(path).public == public
    assert load_key(path, "right").public == public


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    generate_key(tmp_path / "key.pem")
    before = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(ConfigError) as error:
        generate_key(tmp_path / "key.pem")
    one_line(error)
    assert (tmp_path / "key.pem").read_bytes() == before
    with pytest.raises(StoreFailed):
        generate_key(tmp_path / "key.pem" / "key.pem")


def test_a_wrong_key_file_is_said(tmp_path: Path) -> None:
    rsa = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    contents = {"rsa": rsa, "text": b"not a key", "empty": b"", "cut": rsa[:100]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    for name in (*contents, "absent", "."):
        with pytest.raises(ConfigError) as error:
            load_key(tmp_path / name)
        one_line(error)
    generate_key(tmp_path / "open")
    (tmp_path / "open").chmod(0o640)
    with pytest.raises(ConfigError) as error:
        load_key(tmp_path / "open")
    assert "chmod 600" in one_line(error)


def test_public_keys_in_every_spelling(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes_raw()
    spelled = base64.b64encode(raw).decode()
    (tmp_path / "public.pem").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "public.txt").write_text(spelled + "\n")
    for text in (spelled, raw.hex(), f" {spelled}\n", str(tmp_path / "public.pem"), str(tmp_path / "public.txt")):
        assert read_public(text) == spelled
    generate_key(tmp_path / "private.pem")
    (tmp_path / "junk").write_text("junk")
    for text in ("", "junk", spelled[:-4], str(tmp_path / "private.pem"), str(tmp_path / "junk"), str(tmp_path)):
        with pytest.raises(ConfigError) as error:
            read_public(text)
        one_line(error)
