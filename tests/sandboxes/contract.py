"""The one contract of a sandbox. An implementation's tests derive a class from it and say how it is opened:

@pytest.mark.live
class TestProcess(SandboxContract):
    @pytest.fixture(scope="class")
    @classmethod
    def opening(cls) -> Opening: ...
"""

import tempfile
from collections.abc import Callable, Iterator

import pytest

from opswright.sandboxes.ports import Sandbox
from tests.sandboxes.attacks import Attacks
from tests.sandboxes.isolation import Isolation
from tests.sandboxes.memory import AtTheMemoryLimit
from tests.sandboxes.ordinary import OrdinaryCalls
from tests.sandboxes.owner import OwnersDeath

Opening = Callable[[], Sandbox]


class OwnTemporaryFolder:
    """What the tests that count what is left need."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def temporary_folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        """What appears in it is the sandbox's, whatever else runs on this machine."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
            yield


class SandboxContract(OwnTemporaryFolder, OrdinaryCalls, Isolation, Attacks, AtTheMemoryLimit, OwnersDeath):
    """Everything that holds for any sandbox. `opening` may skip by tests/live.py; it is asked once for the class."""

    @pytest.fixture(scope="class")
    @classmethod
    def opening(cls) -> Opening:
        raise NotImplementedError("a class that keeps the contract says how its sandbox is opened")

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls, opening: Opening) -> Iterator[Sandbox]:
        sandbox = opening()
        try:
            yield sandbox
        finally:
            sandbox.close()
            sandbox.close()  # idempotent
