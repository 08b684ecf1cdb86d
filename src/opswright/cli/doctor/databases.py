"""Probes of databases: each server is really asked, with its own protocol's first words."""

import os
import socket
import sqlite3
from collections.abc import Callable, Sequence
from importlib import metadata

from opswright.cli.doctor.finding import SOCKET_TIMEOUT_S, Finding, broken, missing, ok
from opswright.settings import Settings

Address = str | tuple[str, int]


def _talk(addresses: Sequence[Address], say: bytes, understand: Callable[[bytes], str]) -> str:
    """What the first address that answers says of itself; empty when none does."""
    for address in addresses:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as connection:
                connection.settimeout(SOCKET_TIMEOUT_S)
                connection.connect(address)
                connection.sendall(say)
                heard = understand(connection.recv(256))
        except OSError:
            continue
        if heard:
            place = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
            return f"{heard} at {place}"
    return ""


def postgresql(settings: Settings) -> Finding:
    """Any local server; and the configured one for checkpoints, by connecting to it."""
    if settings.checkpoints.backend == "postgres":
        return _configured_postgresql(settings.checkpoints.dsn_env)
    name = "PostgreSQL"
    ssl_request = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # answered with one byte, S or N
    addresses: list[Address] = ["/var/run/postgresql/.s.PGSQL.5432", ("127.0.0.1", 5432)]
    heard = _talk(addresses, ssl_request, lambda reply: "a server answers" if reply[:1] in (b"S", b"N") else "")
    if heard:
        return ok(name, heard)
    return missing(
        name, "no server answers here", "apt-get install postgresql; optional, for checkpoints of many hosts"
    )


def _configured_postgresql(variable: str) -> Finding:
    name = "PostgreSQL"
    address = os.environ.get(variable)
    if not address:
        return broken(
            name, f"checkpoints are to be there, but {variable} is not set", f"export {variable}=postgresql://…"
        )
    try:
        import psycopg
    except ImportError:
        return broken(name, "checkpoints are to be there, but psycopg is missing", "pip install 'opswright[postgres]'")
    try:
        with psycopg.connect(address, connect_timeout=int(SOCKET_TIMEOUT_S)) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        return broken(name, f"the server of the checkpoints: {reason}", f"check {variable}, or start the server")
    return ok(name, f"{version // 10000}.{version % 10000}, keeps the checkpoints")


def mariadb(settings: Settings) -> Finding:
    """Any local MariaDB or MySQL server: it greets with its version."""
    addresses: list[Address] = ["/run/mysqld/mysqld.sock", ("127.0.0.1", 3306)]
    heard = _talk(addresses, b"", _greeting)
    if heard:
        return ok("MariaDB", heard)
    return missing("MariaDB", "no server answers here", "apt-get install mariadb-server; optional, as a target of SQL")


def _greeting(packet: bytes) -> str:
    protocol_10 = len(packet) > 5 and packet[4] == 10
    return packet[5:].split(b"\0")[0].decode("ascii", "replace") if protocol_10 else ""


def redis(settings: Settings) -> Finding:
    """Any local Redis; one that asks for a password is one too."""
    addresses: list[Address] = ["/run/redis/redis-server.sock", ("127.0.0.1", 6379)]
    heard = _talk(addresses, b"PING\r\n", _pong)
    if heard:
        return ok("Redis", heard)
    return missing("Redis", "no server answers here", "apt-get install redis-server; optional, as a target of faults")


def _pong(reply: bytes) -> str:
    if reply.startswith(b"+PONG"):
        return "a server answers"
    return "a server answers (it wants a password)" if reply.startswith(b"-NOAUTH") else ""


def embedded(settings: Settings) -> Finding:
    """SQLite, which the journal needs, and DuckDB."""
    try:
        duckdb = f"DuckDB {metadata.version('duckdb')}"
    except metadata.PackageNotFoundError:
        duckdb = "no DuckDB"
    return ok("SQLite, DuckDB", f"SQLite {sqlite3.sqlite_version}, {duckdb}")
