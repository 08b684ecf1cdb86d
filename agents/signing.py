"""ed25519 signatures of receipts, with a key of the user's.

A private key is a PEM file (PKCS#8) of mode 0600; an encrypted one takes its passphrase from the environment variable
OPSWRIGHT_KEY_PASSPHRASE. A public key is written as base64 of its 32 bytes.
"""

import base64
import binascii
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from opswright.errors import ConfigError, StoreFailed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE_VARIABLE = "OPSWRIGHT_KEY_PASSPHRASE"
ALGORITHM = "ed25519"
PURPOSE = b"opswright receipt\0"  # what else the key may sign can never be taken for a receipt
LARGEST_KEY_FILE = 65536


@dataclass(frozen=True)
class SigningKey:
    """A private key that is ready to sign."""

    public: str
    _private: "Ed25519PrivateKey" = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._private.sign(PURPOSE + message)


def load_key(path: Path, passphrase: str | None = None) -> SigningKey:
    """The private key in a PEM file. `passphrase`: absent, the environment's.

    Raises ConfigError: missing, readable by others, not PEM, another kind of key, a wrong or missing passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"the private key can be read by others; chmod 600 {path}", str(path))
    secret = passphrase if passphrase is not None else os.environ.get(PASSPHRASE_VARIABLE)
    encrypted = b"ENCRYPTED" in content
    if encrypted and not secret:
        raise ConfigError(f"the private key is encrypted; put its passphrase into {PASSPHRASE_VARIABLE}", str(path))
    try:
        private = load_pem_private_key(content, secret.encode() if encrypted and secret else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = f"the passphrase in {PASSPHRASE_VARIABLE} does not open it" if encrypted else "not a PEM private key"
        raise ConfigError(why, str(path)) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError("not an ed25519 key; `opswright config key` makes one", str(path))
    return SigningKey(_encode(private.public_key().public_bytes_raw()), private)


def generate_key(path: Path, passphrase: str | None = None) -> str:
    """Makes a private key (mode 0600, never over an existing file) and returns the public key.

    Raises ConfigError when the file exists, StoreFailed when it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    private = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    if path.exists():
        raise ConfigError("exists already; a key is never overwritten", str(path))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}; the key was not written") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StoreFailed(f"{path}: {error.strerror}; the key was not written") from error
    return _encode(private.public_key().public_bytes_raw())


def read_public(text: str) -> str:
    """A public key in the one spelling used in receipts, from base64, hex, or the path of a PEM or base64 file.

    Raises ConfigError.
    """
    found = _decode(text)
    if found is None and len(text) < 4096 and "\0" not in text and Path(text).is_file():
        content = _read(Path(text))
        found = _from_pem(content, text) if b"-----BEGIN" in content else _decode(content.decode("ascii", "replace"))
    if found is None:
        raise ConfigError("not an ed25519 public key (base64 of 32 bytes, or a file that holds one)", text[:80])
    return _encode(found)


def signature_holds(public: str, message: bytes, signature: bytes) -> bool:
    """Did the private key of `public` sign the message?"""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = _decode(public)
    if raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, PURPOSE + message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _from_pem(content: bytes, where: str) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY" in content:
        raise ConfigError("is a private key; name the public one", where)
    try:
        public = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError("not a PEM public key", where) from error
    if not isinstance(public, Ed25519PublicKey):
        raise ConfigError("not an ed25519 key", where)
    return public.public_bytes_raw()


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ConfigError("there is no such key file", str(path))
        with path.open("rb") as file:
            return file.read(LARGEST_KEY_FILE)
    except OSError as error:
        raise ConfigError(f"the key cannot be read ({error.strerror})", str(path)) from error


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str) -> bytes | None:
    stripped = text.strip()
    try:
        raw = bytes.fromhex(stripped) if len(stripped) == 64 else base64.b64decode(stripped, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == 32 else None
