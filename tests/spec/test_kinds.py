"""Kinds of a section: validated by name, imported when named, described for user interfaces."""

import subprocess
import sys

import pytest

from anomaly_ae.errors import SpecError
from anomaly_ae.spec import Section, Spec
from anomaly_ae.spec.file import parse_spec
from anomaly_ae.spec.kinds import Kinds
from anomaly_ae.spec.networks import NETWORKS
from anomaly_ae.spec.threshold import RULES


@pytest.mark.parametrize("kinds", [NETWORKS, RULES])
def test_each_line_names_a_section_of_that_kind(kinds: Kinds[Section]) -> None:
    """A registration line and the section that it names agree."""
    for kind in kinds:
        assert kinds[kind].model_fields[kinds.tag].default == kind


def test_a_spec_that_names_no_network_loads_no_torch() -> None:
    """Reading a spec stays quick: torch is loaded by what trains and scores."""
    code = "import sys; from anomaly_ae.spec import Spec; Spec(data={'source': 'x'}); print('torch' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert found.stdout.strip() == "False"


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    """A typo in a kind is answered with the name that was most likely meant."""
    with pytest.raises(SpecError, match=r"'network\.kind' is 'memry'; did you mean 'memory'"):
        parse_spec({"data": {"source": "x"}, "network": {"kind": "memry"}})


def test_a_sections_own_settings_survive_a_round_trip() -> None:
    """What is written of a section is what its kind holds, not only what all kinds share."""
    spec = Spec(data={"source": "x"}, network={"kind": "memory", "rows": 7}, threshold={"target_fpr": 0.2})

    again = Spec.model_validate(spec.model_dump(mode="json"))

    assert again == spec
    assert again.model_dump()["network"]["rows"] == 7


def test_the_schema_offers_every_kind() -> None:
    """A form made from the JSON schema offers each network and each rule."""
    properties = Spec.model_json_schema()["properties"]

    assert set(properties["network"]["discriminator"]["mapping"]) == set(NETWORKS)
    assert set(properties["threshold"]["discriminator"]["mapping"]) == set(RULES)
    assert properties["threshold"]["default"] == Spec(data={"source": "x"}).threshold.model_dump(mode="json")
