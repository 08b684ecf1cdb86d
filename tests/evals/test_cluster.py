"""The same suite over the workers of a real dask cluster: same rows, whatever dies."""

import datetime
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from opswright.errors import EnvironmentFailed, InputError
from opswright.evals.fanout.cluster import OPTION, outcomes
from opswright.evals.runner import Sent
from opswright.evals.suites import Case, Summary
from opswright.nouns import Json
from opswright.sandboxes.cluster import check_address
from tests.processes import wait_for

from .dask_cluster import cluster
from .program import log_of, opswright, probe_data, result_of, rows_of, run_probe, started


def test_a_cluster_gives_the_rows_of_one_process(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {3: {"wrong": True}, 5: {"do": "fail"}})
    alone = opswright(tmp_path, *run_probe(data, "--out", "alone.jsonl", "--json"))
    with cluster(tmp_path / "dask", workers=2) as dask:
        fanned = opswright(tmp_path, *run_probe(data, "--out", "fanned.jsonl", "--json", "--workers", dask.address))
    assert fanned.returncode == 0, fanned.stderr
    assert result_of(fanned)["digest"] == result_of(alone)["digest"]
    assert set(rows_of(tmp_path / "fanned.jsonl")) == {str(number) for number in range(10)}
    assert "distributed" not in fanned.stderr and "Traceback" not in fanned.stderr
    begun = (data / "probe" / "log").read_text().split()[1::2]
    assert len(set(begun[10:])) == 2, "both workers had cases"


def test_a_worker_killed_in_mid_case_costs_nothing_but_time(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {4: {"do": "kill", "once": True}})
    with cluster(tmp_path / "dask", workers=2) as dask:
        done = opswright(tmp_path, *run_probe(data, "--out", "rows.jsonl", "--json", "--workers", dask.address))
        assert sum(process.poll() == -signal.SIGKILL for process in dask.processes) == 1
    assert done.returncode == 0, done.stderr
    assert log_of(data).count("4") == 2
    assert result_of(done)["took"]["deeds"]["failed"] == 0
    assert {id: row["told"] for id, row in rows_of(tmp_path / "rows.jsonl").items()} == {
        str(number): number**2 for number in range(10)
    }


def test_a_scheduler_that_goes_away_is_said_and_the_run_goes_on_elsewhere(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {5: {"do": "wait", "once": True}})
    os.mkfifo(data / "probe" / "gate")
    with cluster(tmp_path / "dask", workers=1) as dask:
        command = run_probe(data, "--out", "rows.jsonl")
        running = started(tmp_path, *command, "--workers", dask.address)
        wait_for(lambda: "5" in log_of(data) or running.poll() is not None, "the case that waits")
        assert running.poll() is None, running.communicate()[1]
        dask.processes[0].kill()
        _, stderr = running.communicate(timeout=120)
    assert running.returncode == 6
    assert "the dask scheduler at tcp://127.0.0.1" in stderr and "Traceback" not in stderr
    kept = set(rows_of(tmp_path / "rows.jsonl"))
    done = opswright(tmp_path, *command, "--json")
    assert done.returncode == 0, done.stderr
    assert len(rows_of(tmp_path / "rows.jsonl")) == 10
    again = log_of(data)
    assert all(again.count(id) == 1 for id in kept), "a row that was there was measured again"


def test_no_scheduler_is_one_line_and_exit_6(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {})
    done = opswright(tmp_path, *run_probe(data, "--workers", "tcp://127.0.0.1:9"))
    assert done.returncode == 6
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "no dask scheduler answers at tcp://127.0.0.1:9" in errors[0]
    assert "Traceback" not in done.stderr


@dataclass(frozen=True)
class Numbers:
    """Cases that are their number; case `dies` kills the worker that runs it."""

    dies: str = ""
    name: str = "numbers"

    def cases(self) -> Sequence[Case]:
        """None of its own."""
        return []

    def run(self, case: Case) -> Json:
        """The number."""
        if case.id == self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"number": int(case.id)}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """Nothing."""
        return Summary(self.name, ())


def _marked() -> dict[str, Json]:
    """What code and data this process has, as far as these tests go."""
    return {"code": os.environ.get("MARK", ""), "data": "d"}


CASES = [Case(str(number)) for number in range(6)]


def test_workers_with_other_code_are_refused(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "dask", workers=1, MARK="other") as dask,
        pytest.raises(EnvironmentFailed, match=r"worker tcp://127\.0\.0\.1.* has another code than this machine"),
        outcomes(Sent(Numbers()), CASES, dask.address, _marked),
    ):
        pytest.fail("nothing is to run")


def test_a_worker_with_other_code_that_joins_later_measures_nothing(tmp_path: Path) -> None:
    with cluster(tmp_path / "dask", workers=1) as dask:
        address = dask.address
        with outcomes(Sent(Numbers(dies="4")), CASES, address, _marked) as ended:
            found = [next(ended)]
            dask.environment = {"MARK": "other"}
            dask.worker()
            found += list(ended)
    rows = dict(found)
    assert sorted(rows) == sorted(case.id for case in CASES)
    lost = [row["error"] for row in rows.values() if "error" in row]
    assert lost and set(lost) == {"EnvironmentFailed: its worker has another code"}


def test_when_every_worker_is_gone_it_is_said(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "dask", workers=1) as dask,
        pytest.raises(EnvironmentFailed, match=r"has had no workers for 0\.5 seconds"),
        outcomes(Sent(Numbers(dies="3")), CASES, dask.address, _marked, gone_s=0.5) as ended,
    ):
        found = [next(ended) for _ in CASES]
        pytest.fail(f"nobody was there to run all of {found}")


def test_a_scheduler_without_workers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opswright.evals.fanout.cluster.CONNECT_S", 1.0)
    with (
        cluster(tmp_path / "dask", workers=0) as dask,
        pytest.raises(EnvironmentFailed, match="has no workers"),
        outcomes(Sent(Numbers()), CASES, dask.address, _marked),
    ):
        pytest.fail("nothing is to run")


def test_tls_with_certificates_from_dasks_own_configuration(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {}, count=3)
    keys = _certificate(tmp_path / "both.pem")
    with cluster(tmp_path / "dask", workers=1, scheme="tls", **keys) as dask:
        assert dask.address.startswith("tls://")
        done = opswright(tmp_path, *run_probe(data, "--json", "--workers", dask.address), **keys)
        assert done.returncode == 0, done.stderr
        assert result_of(done)["took"]["deeds"]["cases"] == 3
        bare = opswright(tmp_path, *run_probe(data, "--fresh", "--workers", dask.address))
    assert bare.returncode == 6
    assert "no dask scheduler answers" in bare.stderr and "Traceback" not in bare.stderr


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:8786", "192.0.2.1:8786", "tcp://example.org:8786"])
def test_beyond_this_machine_only_tls(address: str) -> None:
    with pytest.raises(InputError, match="not on this machine"):
        check_address(address, OPTION)


@pytest.mark.parametrize(
    "address", ["", "http://127.0.0.1:1", "tcp://127.0.0.1", "tls://:5", "tcp://127.0.0.1:x", "[::1"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InputError, match="must be tls://HOST:PORT"):
        check_address(address, OPTION)


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("tcp://localhost:1", "tcp://localhost:1"),
        ("tcp://[::1]:1", "tcp://[::1]:1"),
        ("tls://example.org:8786", "tls://example.org:8786"),
    ],
)
def test_addresses(address: str, whole: str) -> None:
    assert check_address(address, OPTION) == whole


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--workers", "tcp://192.0.2.1:1"), "not on this machine"),
        (("--workers", "tcp://127.0.0.1:1", "--jobs", "2"), "--jobs: is for processes of this machine"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, more: tuple[str, ...], message: str) -> None:
    done = opswright(tmp_path, *run_probe(probe_data(tmp_path / "data", {}), *more, "--json"))
    assert done.returncode == 2
    assert message in json.loads(done.stdout)["error"]["message"]


def _certificate(path: Path) -> dict[str, str]:
    """A certificate that vouches for itself, as dask's variables name it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "opswright test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + secret)
    of = "DASK_DISTRIBUTED__COMM__TLS__"
    roles = [f"{of}{role}__CERT" for role in ("CLIENT", "SCHEDULER", "WORKER")]
    return {f"{of}CA_FILE": str(path), **dict.fromkeys(roles, str(path))}
