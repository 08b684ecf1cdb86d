"""One suite a port: whatever implements it keeps the same promises. A new implementation derives one class.

| port | suite | implementations |
| --- | --- | --- |
| Sandbox (sandboxes/ports.py) | tests/sandboxes/contract.py | tests/sandboxes/process, tests/sandboxes/container |
| Environment, Gridded (sandboxes/environments/ports.py) | environments.py | test_environments.py |
| the ports of a specialist (agents/ports.py) | specialists.py | test_specialists.py; tests/extension |
| Models (agents/ports.py) | models.py | test_models.py |
| the journal, checkpoints | stores.py | test_stores.py |
| who may approve (agents/approvals.py, console/asking.py) | approvers.py | test_approvers.py |
"""
