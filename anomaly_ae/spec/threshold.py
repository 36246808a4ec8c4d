"""The threshold section of a spec: one kind a rule, told apart by `rule`; a spec that names none means `fpr`.

What a rule is, its own settings and the cut it makes, is in its file in `anomaly_ae/threshold/rules/`.
"""

from typing import Annotated

from pydantic import Field

from anomaly_ae.spec.kinds import Kinds
from anomaly_ae.spec.sections import Section

_DEFAULT_RULE = "fpr"


class RuleSection(Section):
    """The settings that every rule has.

    Attributes:
        rule: the name under which the rule is registered.
    """

    rule: str
    by: str | None = Field(
        None, description="column (entity, categorical or boolean) whose values get a threshold each"
    )
    min_rows: int | None = Field(
        None,
        ge=1,
        description="normal rows that a segment needs for its own threshold; default: as many as the rule needs",
    )


RULES = Kinds(
    RuleSection,
    "rule",
    {
        "fpr": "anomaly_ae.threshold.rules.fpr:FprThreshold",
        "budget": "anomaly_ae.threshold.rules.budget:BudgetThreshold",
        "recall": "anomaly_ae.threshold.rules.recall:RecallThreshold",
        "precision": "anomaly_ae.threshold.rules.precision:PrecisionThreshold",
        "f_beta": "anomaly_ae.threshold.rules.f_beta:FBetaThreshold",
        "cost": "anomaly_ae.threshold.rules.cost:CostThreshold",
        "manual": "anomaly_ae.threshold.rules.manual:ManualThreshold",
    },
    default=_DEFAULT_RULE,
)
"""A new rule is one file in `threshold/rules/` and one line here."""

ThresholdSpec = Annotated[RuleSection, RULES]
