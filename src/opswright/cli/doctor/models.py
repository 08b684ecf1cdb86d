"""Probes of the model tiers: what is configured, and whether its endpoint answers and takes the key."""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from opswright.cli.doctor.finding import SOCKET_TIMEOUT_S, Finding, broken, missing, ok
from opswright.settings import Deployment, Settings

NAME = "Models"
ADVICE = (
    "the solver tier works without any; for model tiers set OPSWRIGHT_MODEL_LOW, _MID or _HIGH "
    "(such as openai/NAME), OPENAI_BASE_URL and OPENAI_API_KEY"
)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect must not carry the key to another place."""

    def redirect_request(self, *args: Any, **values: Any) -> None:
        return None


def models(settings: Settings) -> Finding:
    """Every endpoint of the configured tiers is asked for its list of models."""
    tiers = settings.models.tiers()
    if not tiers:
        return missing(NAME, "none configured", ADVICE)
    try:
        library = f"litellm {metadata.version('litellm')}"
    except metadata.PackageNotFoundError:
        return broken(NAME, "configured, but litellm is not installed", "pip install 'opswright[models]'")
    said = ", ".join(f"{tier}: {settings.models.group(tier)[0].model}" for tier in tiers)
    if settings.models.calls == "forbid":
        return ok(NAME, f"{said}; calls are forbidden ({settings.sources('models.calls')})")
    for deployment in _distinct(settings):
        problem = _problem(deployment, deployment.base_url or settings.models.base_url)
        if problem:
            return broken(NAME, f"{said}; {problem}", "opswright config shows where each value comes from")
    return ok(NAME, f"{said}; {library}")


def _distinct(settings: Settings) -> Iterator[Deployment]:
    seen = set()
    for tier in settings.models.tiers():
        for deployment in settings.models.group(tier):
            key = (deployment.base_url, deployment.api_key_env)
            if key not in seen:
                seen.add(key)
                yield deployment


def _problem(deployment: Deployment, base_url: str | None) -> str:
    key = os.environ.get(deployment.api_key_env, "")
    if base_url is None:  # the provider's own address, which LiteLLM knows
        return "" if key else f"{deployment.api_key_env} is not set"
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2]  # never with a password
    address = parts._replace(netloc=host, path=parts.path.rstrip("/") + "/models").geturl()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        request = urllib.request.Request(address, headers=headers)
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(request, timeout=SOCKET_TIMEOUT_S):
            return ""
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return f"{host} refuses the key in {deployment.api_key_env} ({error.code})"
        # An endpoint need not offer a list of models: that it speaks HTTP is enough.
        return f"{host} answers {error.code}" if error.code >= 500 else ""
    except urllib.error.URLError as error:
        return f"{host} cannot be reached: {error.reason}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{host} cannot be asked ({type(error).__name__}); is `models.base_url` an http address?"
