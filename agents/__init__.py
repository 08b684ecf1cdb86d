"""Who decides: supervisor, the one loop, tiers, ledger, approvals, and a folder for each specialist."""
