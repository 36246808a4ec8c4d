"""Threshold rules: one file a rule, which holds its settings, its cut, its promise and its wording.

`anomaly_ae.spec.threshold.RULES` registers each by one line.
"""

from collections.abc import Mapping
from typing import cast

from anomaly_ae.spec.threshold import RULES
from anomaly_ae.threshold.rules.rule import Cut, Rule

__all__ = ["Cut", "Rule", "all_rules"]


def all_rules() -> Mapping[str, type[Rule]]:
    """Import and return every registered rule, by name."""
    return {name: cast("type[Rule]", RULES[name]) for name in RULES}
