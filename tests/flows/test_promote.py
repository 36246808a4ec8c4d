"""The flows `promote` and `rollback`, and training that lets the gate decide."""

from pathlib import Path
from typing import Any

import pytest
from tests_support import write_table

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Spec
from anomaly_ae.stages.promote import Promotion
from anomaly_ae.workspace.workspace import Workspace
from flows import events
from flows.promote import ModelParameters, PromoteParameters, promote, rollback, summarise
from flows.train import TrainParameters, train


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events that were emitted, in the place of emitting them."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(events, "emit_event", lambda event, **about: seen.append({"event": event, **about}))
    return seen


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """A table whose anomalies a trained network finds, and one without a single step does not."""
    write_table(tmp_path / "plant.csv", rows=1500)
    return Spec.model_validate(
        {
            "name": "plant",
            "workspace": str(tmp_path / "runs"),
            "data": {
                "source": str(tmp_path / "plant.csv"),
                "id": "part_id",
                "label": {"column": "anomaly", "anomaly_values": [1]},
            },
            "network": {"kind": "denoising"},
            "threshold": {"target_fpr": 0.05},
            "training": {"steps": 300},
            "register_as": "challenger",
        }
    )


def with_steps(spec: Spec, steps: int) -> Spec:
    """Return the spec with another number of training steps."""
    return spec.model_copy(update={"training": spec.training.model_copy(update={"steps": steps})})


def outcomes(emitted: list[dict[str, Any]]) -> list[str]:
    """Return what the emitted events say became of each version."""
    assert {one["event"] for one in emitted} == {events.PROMOTION}
    assert {one["resource"]["prefect.resource.id"] for one in emitted} == {"anomaly_ae.model.plant"}
    return [one["resource"]["outcome"] for one in emitted]


def test_weekly_training_lets_the_gate_decide(spec: Spec, emitted: list[dict[str, Any]]) -> None:
    """The first version is champion; the same again stays so; a worse one is refused, and the run ends well."""
    first = train(TrainParameters(spec=spec, promote="auto"))
    same = train(TrainParameters(spec=spec, promote="auto"))
    worse = train(TrainParameters(spec=with_steps(spec, 0), promote="auto"))

    assert outcomes(emitted) == ["promoted", "champion already", "refused"]
    assert first["version"] == same["version"] == Workspace.open(spec.workspace).registry("plant").aliases().champion
    assert worse["promotion"]["promoted"] is False
    assert any(reason.startswith("ROC AUC") for reason in emitted[-1]["payload"]["refusals"])


def test_a_first_version_takes_over_whatever_speaks_against_it(spec: Spec, emitted: list[dict[str, Any]]) -> None:
    """Nobody else could score; what spoke against it is kept for the record and announced."""
    split = {"train": 0.8, "validation": 0.19999, "test": 0.00001}
    unproven = Spec.model_validate(spec.model_dump() | {"split": split, "training": {"steps": 5}})

    made = train(TrainParameters(spec=unproven, promote="auto"))

    known = Workspace.open(spec.workspace).registry("plant").aliases()
    assert (outcomes(emitted), known.champion, known.history[-1].forced) == (["forced"], made["version"], True)
    assert emitted[0]["payload"]["refusals"]


def test_a_challenger_waits_for_a_person(spec: Spec, emitted: list[dict[str, Any]]) -> None:
    """By hand nothing is promoted by training; the flow refuses the worse one in words, unless forced, and back."""
    train(TrainParameters(spec=spec, promote="auto"))
    worse = train(TrainParameters(spec=with_steps(spec, 0)))
    asked = PromoteParameters(name="plant", workspace=spec.workspace)
    good = Workspace.open(spec.workspace).aliased_model("plant").version

    with pytest.raises(ArtifactError, match=f"{worse['version']} is not promoted: "):
        promote(asked)
    forced = promote(asked.model_copy(update={"force": True}))
    back = rollback(ModelParameters(name="plant", workspace=spec.workspace))

    assert outcomes(emitted) == ["promoted", "refused", "forced"]
    assert (forced["version"], forced["before"]) == (worse["version"], good)
    assert back == {"left": worse["version"], "champion": good}
    assert Workspace.open(spec.workspace).aliased_model("plant").version == good


def test_the_summary_says_who_is_champion() -> None:
    """A refused version leaves the champion in place, and the page says why."""
    text = summarise(Promotion("b", "a", promoted=False, findings=("fine",), refusals=("it ranks worse",)))

    assert "# Champion: `a`" in text
    assert "- checked: fine\n- against it: it ranks worse" in text
