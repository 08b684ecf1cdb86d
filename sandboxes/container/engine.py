"""Docker's engine: found, asked, and what its failures are called."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from opswright.errors import SandboxUnavailable

if TYPE_CHECKING:
    from docker import APIClient

FIRST_ANSWER_S = 3.0  # an engine that runs answers at once
ANSWER_S = 30.0  # of a busy one, to one question


def connect(answer_s: float = ANSWER_S) -> "APIClient":
    """A client of the engine that DOCKER_HOST names, else of the usual socket. Raises SandboxUnavailable.

    `answer_s` (its `timeout` later): how long one answer may take before the engine counts as gone.
    """
    try:
        import docker
    except ImportError:
        raise SandboxUnavailable("the Docker SDK is not installed: pip install 'opswright[sandboxes]'") from None
    with asking("Docker's engine"):
        arguments = docker.utils.kwargs_from_env()
        api = docker.APIClient(version="auto", timeout=FIRST_ANSWER_S, **arguments)
        api.timeout = answer_s
        api.headers["Connection"] = "close"  # the SDK keeps one idle connection for each of the last 25 addresses asked
    return api


def address() -> str:
    """Where the engine is looked for."""
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def is_here(api: "APIClient") -> bool:
    """Is it reached by a socket of this machine? Whether it also runs here is seen at its containers."""
    return str(api.base_url).startswith("http+docker://")


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """Turns every way in which the engine can fail to answer into SandboxUnavailable; `what` begins the message."""
    import docker
    import requests
    import urllib3

    try:
        yield
    except docker.errors.APIError as error:
        raise SandboxUnavailable(f"{what}: {_line(str(error.explanation or error))}") from None
    except (requests.exceptions.ReadTimeout, TimeoutError):
        raise SandboxUnavailable(f"{what}: the engine at {address()} does not answer") from None
    except (docker.errors.DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise SandboxUnavailable(f"{what}: {_unreachable(error)}") from None
    except OSError as error:
        raise SandboxUnavailable(f"{what}: the engine at {address()} is gone ({error})") from None


def _unreachable(error: BaseException) -> str:
    text = str(error)
    if "No such file" in text or "Connection refused" in text:
        return f"nothing answers at {address()}; start the engine (systemctl start docker)"
    if "Permission denied" in text:
        return f"{address()} is not for this user; add the user to the group docker"
    if "Read timed out" in text or "timed out" in text:
        return f"the engine at {address()} does not answer"
    return f"the engine at {address()} is gone ({_line(text)})"


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
