"""The settings' sections, their defaults, and where each value came from. The class docstrings are the reference."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from opswright.errors import ConfigError
from opswright.nouns import Budget, Json, Risk, Tier

Rule = Literal["allow", "ask", "deny"]
MODEL_TIERS = (Tier.LOW, Tier.MID, Tier.HIGH)
OPENAI = "openai/"  # LiteLLM's prefix for OpenAI itself and for every endpoint that speaks its protocol
ONLY_MODEL = f"{OPENAI}*"  # the one model that the endpoint offers, found out when it is first asked


class Section(BaseModel):
    """A table of the settings: frozen, no unknown keys. A specialist's own derives it too (see its manifest)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def widens(self, name: str, value: Json) -> str:
        """Why a project file must not set this to `value` where the user has it as it is here; empty where it may.

        Asked of specialists' sections alone; one that lets a project narrow something says so here.
        """
        return "is not for a project to set"


class Limits(Section):
    """Hard limits; an absent one, and `inf`, is unlimited."""

    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    trials: int | None = Field(default=None, ge=0)

    def budget(self) -> Budget:
        """The same as the noun that ledgers take."""
        usd, seconds = (None if limit == math.inf else limit for limit in (self.usd, self.seconds))
        return Budget(usd, self.tokens, seconds, self.trials)


class BudgetSettings(Limits):
    """`[budget]` holds for a session, `[budget.task]` for each of its tasks."""

    usd: float | None = Field(default=5.0, ge=0)
    seconds: float | None = Field(default=3600.0, ge=0)
    trials: int | None = Field(default=200, ge=0)
    task: Limits = Limits()

    def session(self) -> Budget:
        """The session's limits."""
        return self.budget()


class Deployment(Section):
    """One model behind a tier. Prices are USD per million tokens, for models whose price LiteLLM does not know."""

    model: str = Field(min_length=1)  # LiteLLM's spelling, such as `openai/NAME`
    base_url: str | None = None  # absent: `models.base_url`, then the provider's own
    api_key_env: str = "OPENAI_API_KEY"
    reasoning: Literal["none", "minimal", "low", "medium", "high"] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)  # absent: the provider's default
    max_output_tokens: int = Field(default=4096, ge=1)
    max_reasoning_tokens: int | None = Field(default=None, ge=0)  # absent: by `reasoning`; on top of the output
    structured: Literal["auto", "schema", "tool", "prompt"] = "auto"  # how answers are held to their shape
    input_usd_per_million: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cached_input_usd_per_million: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    output_usd_per_million: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class SemanticRule(Section):
    """When an answer to a similar question may be taken from the cache, for one category of questions (a prompt id)."""

    threshold: float = Field(default=0.75, gt=0, le=1)  # least cosine of the two questions; measured in evals/semantic
    days: float = Field(default=7.0, ge=0)
    mb: int = Field(default=16, ge=1)


class ModelSettings(Section):
    """The model gateway. A tier is a group of deployments: the first is asked, the others are its fallbacks."""

    base_url: str | None = None  # any OpenAI-compatible endpoint; OPENAI_BASE_URL sets it too
    model: str | None = None  # the one model for all tiers where no tier is configured; absent: the one it offers
    low: tuple[Deployment, ...] = ()
    mid: tuple[Deployment, ...] = ()
    high: tuple[Deployment, ...] = ()
    calls: Literal["allow", "forbid"] = "allow"
    token_counts: Literal["reported", "estimated"] = "reported"  # estimated: the endpoint only guesses them
    timeout_s: float = Field(default=120.0, gt=0)
    retries: int = Field(default=2, ge=0, le=10)
    cache: bool = True
    cache_days: float = Field(default=30.0, ge=0)
    cache_mb: int = Field(default=256, ge=1)
    semantic_cache: Mapping[str, SemanticRule] = Field(default_factory=dict)  # by prompt id; absent: exact hits only
    recording: Literal["off", "record", "replay"] = "off"
    recordings: Path | None = None  # a folder

    @field_validator("low", "mid", "high", mode="before")
    @classmethod
    def _one_is_a_group_too(cls, value: Any) -> Any:
        if isinstance(value, str):  # `low = "openai/NAME"`, and the environment
            return tuple({"model": name.strip()} for name in value.split(",") if name.strip())
        return (value,) if isinstance(value, dict) else value

    def group(self, tier: Tier) -> tuple[Deployment, ...]:
        """The deployments of a model tier; empty where none is configured (and for the solver).

        With an endpoint or a model and no tier configured, every tier is that one model.
        """
        groups = {Tier.LOW: self.low, Tier.MID: self.mid, Tier.HIGH: self.high}
        if any(groups.values()) or tier not in groups or not (self.base_url or self.model):
            return groups.get(tier, ())
        name = self.model or ONLY_MODEL
        at_endpoint = self.base_url is not None and not name.startswith(OPENAI)
        return (Deployment(model=OPENAI + name if at_endpoint else name),)

    def tiers(self) -> tuple[Tier, ...]:
        """The model tiers that can be asked, cheapest first."""
        return tuple(tier for tier in MODEL_TIERS if self.group(tier))


class CheckpointSettings(Section):
    """Where LangGraph keeps its checkpoints; the connection string with its password is in the environment."""

    backend: Literal["sqlite", "postgres"] = "sqlite"
    dsn_env: str = "OPSWRIGHT_POSTGRES_DSN"


class ApprovalRules(Section):
    """What happens to an action of each risk class."""

    read: Rule = "allow"
    reversible: Rule = "ask"
    disruptive: Rule = "ask"
    irreversible: Rule = "deny"

    def rule(self, risk: Risk) -> Rule:
        """The rule of a risk class."""
        rule: Rule = getattr(self, risk.value)
        return rule


class ApprovalSettings(Section):
    """Rules by environment: `[approvals.environments.NAME]`; an environment without any has the strict defaults."""

    environment: str = "local"  # what actions on this machine count as
    environments: Mapping[str, ApprovalRules] = Field(default_factory=dict)

    def rules(self, environment: str) -> ApprovalRules:
        """The rules of an environment."""
        return self.environments.get(environment, ApprovalRules())


class SigningSettings(Section):
    """ed25519 keys for receipts: the private key's file (mode 0600) and the public keys that are trusted."""

    key_file: Path | None = None
    trusted: tuple[str, ...] = ()  # public keys, base64, or paths of their files


class SandboxSettings(Section):
    """Where commands run that nobody trusts, and the most that one call may use whatever it asks for."""

    backing: Literal["auto", "container", "process"] = "auto"  # auto: a container where an engine answers
    image: str | None = None  # absent: the one that is built here from this machine's own programs
    memory_mb: int = Field(default=2048, ge=16)
    cpus: float = Field(default=2.0, gt=0)
    pids: int = Field(default=256, ge=1)
    disk_mb: int = Field(default=2048, ge=1)
    seconds: float = Field(default=3600.0, gt=0)
    output_kb: int = Field(default=8192, ge=1)
    network: bool = False


class MemorySettings(Section):
    """The index over manuals and reflections. It can be rebuilt from the journal at any time."""

    index: Literal["embedded", "server"] = "embedded"  # embedded: processes of this machine take turns by a lock
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    tls: bool = False  # demanded of a server that is not on this machine
    token_env: str = "OPSWRIGHT_CHROMA_TOKEN"
    embedder: Literal["hashing", "endpoint"] = "hashing"  # hashing needs no model and no network
    embedding_model: str | None = None  # with `endpoint`, as the endpoint names it
    embedding_base_url: str | None = None  # absent: `models.base_url`
    embedding_key_env: str = "OPENAI_API_KEY"
    embedding_usd_per_million: float | None = Field(default=None, ge=0, allow_inf_nan=False)  # 0: an own server


@dataclass(frozen=True)
class Source:
    """Where a value came from: `default`, `user file`, `project file`, `environment` or `flag`, and the exact place."""

    layer: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.layer} {self.place}".rstrip()


DEFAULT = Source("default")


def source_of(name: str, sources: Mapping[str, Source]) -> Source:
    """Where a dotted name's value came from: its own source, or that of the table around it."""
    parts = [part for part in name.split(".") if not part.isdigit()]  # an index in a group of deployments
    while parts:
        if (found := sources.get(".".join(parts))) is not None:
            return found
        parts.pop()
    return DEFAULT


class Settings(Section):
    """All settings of one run."""

    tier: Literal["auto", "solver", "low", "mid", "high"] = "auto"
    state_dir: Path
    cache_dir: Path
    config_dir: Path
    budget: BudgetSettings = BudgetSettings()
    models: ModelSettings = ModelSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    signing: SigningSettings = SigningSettings()
    sandbox: SandboxSettings = SandboxSettings()
    memory: MemorySettings = MemorySettings()
    specialists: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # read by each specialist's own class
    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)
    _project: dict[str, Mapping[str, Json]] = PrivateAttr(default_factory=dict)

    @property
    def project_specialists(self) -> Mapping[str, Mapping[str, Json]]:
        """What a project file says in `[specialists.NAME]`; not yet held to narrowing."""
        return self._project

    def sources(self, name: str) -> Source:
        """Where the value of a dotted name (such as `budget.usd`) came from."""
        return source_of(name, self._sources)

    @property
    def journal_path(self) -> Path:
        """The append-only journal."""
        return self.state_dir / "journal.sqlite3"

    @property
    def checkpoints_path(self) -> Path:
        """LangGraph's checkpoints, where they are in SQLite."""
        return self.state_dir / "checkpoints.sqlite3"

    @property
    def index_dir(self) -> Path:
        """The embedded index over manuals and reflections; it may be deleted."""
        return self.cache_dir / "index"

    @property
    def chat_history_path(self) -> Path:
        """The lines that were typed into the chat."""
        return self.state_dir / "chat_history"

    @property
    def receipts_dir(self) -> Path:
        """Where receipts go without `--receipt`."""
        return self.state_dir / "receipts"

    @property
    def leases_dir(self) -> Path:
        """Who owns which change that is not settled yet."""
        return self.state_dir / "leases"

    @property
    def reports_dir(self) -> Path:
        """Where reports of bugs go."""
        return self.state_dir / "reports"


def build(
    values: Mapping[str, Json],
    sources: Mapping[str, Source],
    project: Mapping[str, Mapping[str, Json]] | None = None,
) -> Settings:
    """Validates merged values; an error names the place of the value that caused it. `project`: specialists' tables of
    a project file, which only their own classes can judge.
    """
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise _config_error(error, sources) from None
    settings._sources.update(sources)
    settings._project.update(project or {})
    return settings


def _config_error(error: ValidationError, sources: Mapping[str, Source]) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    place = source_of(name, sources).place
    if first["type"] == "extra_forbidden":
        return ConfigError(f"unknown setting `{name}`; `opswright config` lists them all{_secret_hint(name)}", place)
    return ConfigError(f"setting `{name}`: {first['msg']}", place)


def _secret_hint(name: str) -> str:
    last = name.rpartition(".")[2].lower()
    secret = any(word in last for word in ("key", "token", "secret", "password"))
    return ". Secrets stay in the environment: name the variable in `api_key_env`" if secret else ""
