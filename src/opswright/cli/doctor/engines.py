"""Probes of what runs other things: the container engine, bubblewrap, Kubernetes."""

import http.client
import json
import os
import shutil
import socket
from urllib.parse import urlsplit

from opswright.cli.doctor.finding import SOCKET_TIMEOUT_S, Finding, ask, missing, ok
from opswright.settings import Settings

_CONTAINERS = "trials in containers need it; the policy commands do not"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SOCKET_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SOCKET_TIMEOUT_S)
        self.sock.connect(self._path)


def docker(settings: Settings) -> Finding:
    """Asks the engine for its version, on DOCKER_HOST or the usual socket."""
    name = "Docker engine"
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    parts = urlsplit(address)
    if parts.scheme == "unix":
        connection: http.client.HTTPConnection = _UnixConnection(parts.path)
    elif parts.scheme in ("tcp", "http") and parts.hostname:
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=SOCKET_TIMEOUT_S)
    else:
        return missing(name, f"not asked: DOCKER_HOST uses {parts.scheme or address}", "unix:// and tcp:// are probed")
    try:
        connection.request("GET", "/version")
        response = connection.getresponse()
        body = json.loads(response.read(1_000_000))
        return ok(name, f"{body['Version']} (API {body['ApiVersion']}, {body.get('Os')}) at {address}")
    except (FileNotFoundError, ConnectionRefusedError):
        installed = "installed, but its engine does not run" if shutil.which("docker") else "not installed"
        advice = "start it: systemctl start docker" if shutil.which("docker") else "apt-get install docker.io"
        return missing(name, f"{installed} (nothing answers at {address})", f"{advice}; {_CONTAINERS}")
    except PermissionError:
        return missing(name, f"{address} is not for this user", f"add the user to the group docker; {_CONTAINERS}")
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        return missing(name, f"{address} gives no sensible answer: {error}", _CONTAINERS)
    finally:
        connection.close()


def bubblewrap(settings: Settings) -> Finding:
    """Really starts a program in new namespaces."""
    name = "bubblewrap"
    version = ask(["bwrap", "--version"])
    if version.code != 0:
        return missing(name, version.first_line, "apt-get install bubblewrap; the process sandbox needs it")
    ran = ask(["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "true"])
    if ran.code == 0:
        return ok(name, f"{version.first_line}; runs")
    return missing(
        name, f"{version.first_line}; refused here: {ran.first_line}", "the kernel must allow user namespaces"
    )


def kubernetes(settings: Settings) -> Finding:
    """The tools on PATH, and whether the current context's cluster is ready."""
    name = "Kubernetes"
    tools = [tool for tool in ("kubectl", "k3s", "kind", "minikube", "helm") if shutil.which(tool)]
    if not tools:
        return missing(name, "no tool installed", "install kubectl; chaos cycles on a cluster need it")
    if "kubectl" not in tools:
        return missing(name, f"{', '.join(tools)}; no kubectl", "install kubectl; chaos cycles on a cluster need it")
    ready = ask(["kubectl", "get", "--raw", "/readyz", "--request-timeout=3s"])
    if ready.code == 0:
        return ok(name, f"{', '.join(tools)}; the cluster answers: {ready.first_line}")
    return missing(name, f"{', '.join(tools)}; no cluster answers", "point KUBECONFIG at a cluster, or start one")
