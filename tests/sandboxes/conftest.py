"""The contract's files hold assertions, though none of them is a test file."""

import pytest

for _name in ("ordinary", "isolation", "attacks", "memory", "owner"):
    pytest.register_assert_rewrite(f"tests.sandboxes.{_name}")
