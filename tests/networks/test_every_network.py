"""Every registered network keeps the promises of its base class; another one is a class and a line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from network_checks import check_loss, check_network, check_noise
from picture_support import tiny_backbone
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from anomaly_ae.errors import SpecError
from anomaly_ae.estimators.tabular import TabularAutoencoder
from anomaly_ae.features.backbones import LOADERS
from anomaly_ae.networks.reconstructor import Reconstructor
from anomaly_ae.networks.row_network import RowNetwork, row_network
from anomaly_ae.spec import AutoNetwork
from anomaly_ae.spec.networks import NETWORKS
from anomaly_ae.training import initialise

KINDS = [kind for kind in NETWORKS if kind != AutoNetwork().kind]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register a backbone that needs no download."""
    monkeypatch.setitem(LOADERS, "tiny", tiny_backbone)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_keeps_its_promises(kind: str) -> None:
    """Shapes, noise, loss, determinism, learning, saving: all checks pass."""
    check_network(kind)


class ToyNetwork(RowNetwork):
    """A linear autoencoder."""

    kind: Literal["toy"] = "toy"

    def build(self, width: int) -> "ToyAutoencoder":
        """Return the untrained module."""
        return ToyAutoencoder(width)


class ToyAutoencoder(Reconstructor):
    """One layer to a code of two numbers, and one back."""

    members = 1

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(nn.Linear(width, 2), nn.Linear(2, width))

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows."""
        reconstruction: Tensor = self.layers(rows)
        return reconstruction.expand(1, *reconstruction.shape[-2:])

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:  # noqa: ARG002 - it has no noise
        """Return the mean squared error."""
        return mse_loss(self(rows), rows)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register the toy network by its one line."""
    monkeypatch.setitem(NETWORKS.classes, "toy", f"{__name__}:ToyNetwork")
    return "toy"


def test_another_network_is_a_class_and_a_line(toy: str, tmp_path: Path) -> None:
    """Registered, a network of the user's own is trained, scored, saved and loaded, and keeps all promises."""
    rng = np.random.default_rng(0)
    normal = pd.DataFrame(rng.normal(size=(400, 2)) @ rng.normal(size=(2, 5)), columns=list("abcde"))
    detector = TabularAutoencoder(network=toy, target_fpr=0.05, random_state=0, device="cpu").fit(normal)
    detector.save(tmp_path / "model")
    far = normal.head(50) + rng.normal(size=(50, 5))

    assert (detector.anomaly_score(far) > detector.threshold_).mean() > 0.9
    again = TabularAutoencoder.load(tmp_path / "model")
    assert again.network == toy
    assert np.array_equal(again.anomaly_score(far), detector.anomaly_score(far))
    check_network(toy)


def test_a_network_that_reads_pictures_alone_is_refused_for_tables(toy: str) -> None:
    """The message names every network that reads rows, those of a user's own too."""
    with pytest.raises(SpecError, match=f"convolutional reads pictures; for tables choose memory, .* or {toy}"):
        row_network(NETWORKS["convolutional"].model_validate({"kind": "convolutional"}))


class SumLoss(ToyAutoencoder):
    """Its loss is a sum over rows, so that it would depend on how many processes share a batch."""

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:  # noqa: ARG002 - it has no noise
        """Return the sum of the squared errors."""
        return mse_loss(self(rows), rows, reduction="sum")


class HiddenNoise(ToyAutoencoder):
    """Its loss draws noise that nobody has given to it."""

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:  # noqa: ARG002 - that is what is wrong
        """Return the error on noisy rows."""
        return mse_loss(self(rows + torch.randn_like(rows)), rows)


class PartlyTrained(ToyAutoencoder):
    """Half of its weights are left out of the loss."""

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:  # noqa: ARG002 - it has no noise
        """Return an error that does not depend on the decoder."""
        code: Tensor = self.layers[0](rows)
        return code.square().mean()


class FixedNoise(ToyAutoencoder):
    """Its noise is of another shape than the batch."""

    def draw_noise(self, rows: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002 - that is what is wrong
        """Return one draw for all rows."""
        return torch.randn(1, 1, self.width, generator=generator)


@pytest.mark.parametrize("broken", [SumLoss, HiddenNoise, PartlyTrained])
def test_a_broken_loss_is_noticed(broken: type[ToyAutoencoder]) -> None:
    """The check of the loss fails for each way in which a loss has gone wrong."""
    with pytest.raises(AssertionError):
        check_loss(initialise(lambda: broken(7), 0))


def test_noise_of_the_wrong_shape_is_noticed() -> None:
    """The check of the noise fails for noise that could not be shared out."""
    with pytest.raises(AssertionError):
        check_noise(initialise(lambda: FixedNoise(7), 0))


def test_no_network_is_told_apart_outside_its_file() -> None:
    """No module but a network's own asks whether a section is of its class, or names its kind in a comparison."""
    package = Path(__file__).parents[2] / "anomaly_ae"
    names = [NETWORKS[kind].__name__ for kind in KINDS]
    own = {NETWORKS.classes[kind].partition(":")[0].rpartition(".")[2] for kind in KINDS}
    found: list[tuple[str, Any]] = []
    for path in package.rglob("*.py"):
        if path.parent.name == "networks" and path.stem in own:
            continue
        found += [(path.name, line) for line in path.read_text(encoding="utf-8").splitlines() if _asks(line, names)]

    assert found == []


def _asks(line: str, names: Sequence[str]) -> bool:
    is_comparison = "network" in line and any(f'== "{kind}"' in line for kind in KINDS)
    return is_comparison or ("isinstance(" in line and any(name in line for name in names))
