"""What is counted while a pipeline runs."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """How often a run hashed a file and read a manifest, by path, and how often it rebuilt a model."""

    hashed: Counter[str]
    manifests: Counter[str]
    rebuilt: Counter[str]
