"""The container sandbox keeps the contract of sandboxes, with control groups for calls and without."""

import os
from collections.abc import Iterator
from functools import partial

import pytest

from opswright.sandboxes.container.opening import open_container
from opswright.sandboxes.container.sandbox import ContainerSandbox
from opswright.sandboxes.ports import Sandbox
from opswright.settings.shape import SandboxSettings
from tests.live import docker_engine, unavailable
from tests.sandboxes.attacks import Attacks
from tests.sandboxes.container.settled import Settled
from tests.sandboxes.contract import Opening, OwnTemporaryFolder, SandboxContract
from tests.sandboxes.memory import AtTheMemoryLimit
from tests.sandboxes.ordinary import OrdinaryCalls
from tests.sandboxes.owner import OwnersDeath


class _Containers:
    """How the contract's tests come by a container sandbox."""

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, opening: Opening) -> Iterator[ContainerSandbox]:
        sandbox = opening()
        assert isinstance(sandbox, ContainerSandbox)
        try:
            yield sandbox
        finally:
            sandbox.close()
            sandbox.close()  # idempotent

    @pytest.fixture
    def sandbox(self, shared: ContainerSandbox, request: pytest.FixtureRequest) -> Sandbox:
        """Settled for the tests that count what is left on the host; for the others that would only take time."""
        counts = "Traces" in request.function.__code__.co_names
        return Settled(shared) if counts else shared


@pytest.mark.live
class TestGroupedContainer(_Containers, SandboxContract):
    """As root on the engine's machine: each call in a group of its own inside the container's."""

    @pytest.fixture(scope="class")
    @classmethod
    def opening(cls) -> Opening:
        docker_engine()
        if os.geteuid() != 0:
            unavailable("control groups for calls take root")
        return partial(open_container, SandboxSettings())


@pytest.mark.live
class TestPlainContainer(_Containers, OwnTemporaryFolder, OrdinaryCalls, Attacks, AtTheMemoryLimit, OwnersDeath):
    """As an ordinary user of the engine, or with one on another machine: the container's limits are the call's.

    Isolation is left out: what a container shows and refuses is the same with groups and without.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def opening(cls) -> Opening:
        docker_engine()
        return partial(open_container, SandboxSettings(), grouped=False)
