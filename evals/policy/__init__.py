"""The policy suite: fault injection, CloudFix smoke test, the comparison engine against peers, recorded models."""
