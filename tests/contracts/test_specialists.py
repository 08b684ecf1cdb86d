"""The program's own specialists keep the contract; the one of tests/extension does so in its copy of the project."""

import json
from pathlib import Path

import pytest

from opswright.agents.files import File
from opswright.agents.manifests import own_folder, read_manifest
from opswright.agents.policy.inputs import repair_inputs
from opswright.agents.policy.specialist import build
from opswright.agents.ports import Context
from opswright.agents.wiring import NoModels
from opswright.nouns import Task
from tests.agents.policy.samples import allow, document, request
from tests.agents.policy.scripted import ScriptedMemory
from tests.contracts.specialists import SpecialistContract, Subject


class TestPolicy(SpecialistContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        target = tmp_path / "policy.json"
        target.write_text(json.dumps(document(allow("s3:GetObjct", "arn:aws:s3:::reports/*"))), encoding="utf-8")
        wanted = {"requests": [{"id": "r1", **request("allow", ["s3:GetObject", "arn:aws:s3:::reports/a"])}]}
        spec = File("spec.json", json.dumps(wanted))
        inputs = repair_inputs(File(str(target), target.read_text()), spec, generalise=False, out=target)
        return Subject(
            build(Context(models=NoModels(), memory=ScriptedMemory())),
            read_manifest(own_folder() / "policy" / "agent.toml"),
            Task("t1", "policy", "repair it", inputs),
            world=target.read_text,
        )
