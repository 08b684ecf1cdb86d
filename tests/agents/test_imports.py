"""The way in is light: nothing heavy is loaded before a run needs it."""

import subprocess
import sys

HEAVY = ("langgraph", "litellm", "openai", "cvc5", "policy_sentry", "cryptography", "psycopg")


def test_importing_runs_and_replies_loads_nothing_heavy() -> None:
    code = (
        "import sys, opswright.agents.runs, opswright.agents.replies, opswright.agents.loop;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
