"""The process sandbox keeps the contract of sandboxes."""

import shutil

import pytest

from opswright.sandboxes.process.sandbox import ProcessSandbox
from tests.live import unavailable
from tests.sandboxes.contract import Opening, SandboxContract


@pytest.mark.live
class TestProcess(SandboxContract):
    @pytest.fixture(scope="class")
    @classmethod
    def opening(cls) -> Opening:
        if shutil.which("bwrap") is None:
            unavailable("bubblewrap is not installed (apt-get install bubblewrap)")
        return ProcessSandbox
