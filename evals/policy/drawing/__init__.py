"""Drawing requests for benchmarks."""
