"""A dask cluster that somebody else runs: which addresses are safe, and a client that says plainly what is wrong."""

import ipaddress
import logging
import socket
from typing import Any
from urllib.parse import urlsplit

from opswright.errors import ConfigError, EnvironmentFailed, InputError


def check_address(address: str, where: str) -> str:
    """The address with its scheme. Raises InputError, about the option or setting `where`, unless it is `tls://` or a
    loopback address.
    """
    whole = address if "://" in address else f"tcp://{address}"
    try:
        parts = urlsplit(whole)
        host, known = parts.hostname, parts.scheme in ("tcp", "tls") and bool(parts.port)
    except ValueError:  # a port that is no number
        host, known = None, False
    if not known or not host:
        raise InputError(f"must be tls://HOST:PORT, or tcp://127.0.0.1:PORT, not {address!r}", where)
    if parts.scheme == "tcp" and not _is_loopback(host):
        raise InputError(f"{address} is not on this machine, so it must be tls://: tcp is not safe", where)
    return whole


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connect(address: str, timeout_s: float, where: str) -> Any:
    """A client of the scheduler at a checked address. Raises EnvironmentFailed when none answers, ConfigError when
    dask is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigError("needs more packages: pip install 'opswright[cluster]'", where) from error
    _silence()
    try:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname, parts.port), timeout=timeout_s):
            pass  # dask itself would try a refused connection again and again
        # Keys and certificates come from dask's own configuration (DASK_DISTRIBUTED__COMM__TLS__CA_FILE and so on).
        library: Any = distributed
        security = library.Security(require_encryption=True) if address.startswith("tls://") else None
        return library.Client(address, timeout=timeout_s, security=security)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise EnvironmentFailed(f"no dask scheduler answers at {address}: {reason}") from None


def _silence() -> None:
    """They report lost connections by themselves, at length, each module with a handler of its own."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    for name in ("distributed", "tornado", "asyncio", *names):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
