"""Prefill-token equivalents: what model calls cost a machine, in tokens of its prompt phase.

After Su et al. 2026 (arXiv 2604.05404): a token that is read costs 1, one that is served from a cache nothing; a token
that is written costs its own computation and the loading of the context before it, GAMMA for each token of that. GAMMA
is ours, from a reference machine: a dense model of 70 billion parameters with grouped-query attention (80 layers, 8 KV
heads of 128, 16 bits: 328 kB a token) on memory of 3.35 TB/s and 495 TFLOP/s sustained. It ranks pipelines; it is no
price and no latency.
"""

from opswright.evals.rows import Row

_KV_BYTES_PER_TOKEN = 2 * 80 * 8 * 128 * 2
_LOAD_S = _KV_BYTES_PER_TOKEN / 3.35e12
_PREFILL_S = 2 * 70e9 / 495e12
GAMMA = _LOAD_S / _PREFILL_S  # about 0.00035: at 2,900 tokens of context, a written token costs two read ones


def prefill_token_equivalents(row: Row) -> float:
    """Of one row's calls together; the context of each is taken as the mean of the row's."""
    read, written = row.get("tokens_in") or 0, row.get("tokens_out") or 0
    calls = row.get("calls") or (1 if read or written else 0)
    if not calls:
        return 0.0
    context = (read + written / 2) / calls
    return float(max(0, read - (row.get("cached_tokens") or 0)) + written * (1 + GAMMA * context))
