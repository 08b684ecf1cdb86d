"""The container sandbox keeps the contract of sandboxes, with control groups for calls and without."""

import os
from functools import partial

import pytest

from tests.live import docker_engine, unavailable
from tests.sandboxes.container.settled import open_settled
from tests.sandboxes.contract import Opening, SandboxContract


@pytest.mark.live
class TestGroupedContainer(SandboxContract):
    """As root on the engine's machine: each call in a group of its own inside the container's."""

    @pytest.fixture(scope="class")
    @classmethod
    def opening(cls) -> Opening:
        docker_engine()
        if os.geteuid() != 0:
            unavailable("control groups for calls take root")
        return open_settled


@pytest.mark.live
class TestPlainContainer(SandboxContract):
    """As an ordinary user of the engine, or with one on another machine: the container's limits are the call's."""

    @pytest.fixture(scope="class")
    @classmethod
    def opening(cls) -> Opening:
        docker_engine()
        return partial(open_settled, grouped=False)
