"""The reproducible benchmark: each figure beside its limit, measured from outside."""
