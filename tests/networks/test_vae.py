"""The variational autoencoder: its loss holds the divergence, its score is an expected error, the same anywhere."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import mse_loss

from anomaly_ae.estimators.tabular import TabularAutoencoder
from anomaly_ae.networks.vae import VaeNetwork, VariationalAutoencoder, divergence
from anomaly_ae.spec import ScoringSpec, TrainingSpec
from anomaly_ae.training import initialise

WIDTH = 6


def rows(count: int) -> Tensor:
    """Return rows of six elements with two directions in common."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 2, generator=generator) @ torch.randn(2, WIDTH, generator=generator)


def untrained(**settings: float) -> VariationalAutoencoder:
    """Return a small network."""
    return initialise(lambda: VaeNetwork(hidden=(16,), bottleneck=2, **settings).build(WIDTH), 0)


def trained(kl_weight: float) -> VariationalAutoencoder:
    """Train a small network."""
    network = VaeNetwork(hidden=(16,), bottleneck=2, kl_weight=kl_weight)
    module = network.fit(rows(300), TrainingSpec(steps=200, device="cpu"), ScoringSpec()).autoencoder.network
    assert isinstance(module, VariationalAutoencoder)
    return module


def test_the_divergence_is_torchs_own() -> None:
    """The closed form is that of a normal distribution from the standard normal, summed over the code."""
    mean, log_variance = torch.randn(4, 5, 3), torch.randn(4, 5, 3)

    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0, 1)).sum(dim=-1)

    torch.testing.assert_close(divergence(mean, log_variance), expected)


def assert_holds_divergence(module: VariationalAutoencoder) -> None:
    """Assert that the loss is the error of the drawn code plus the weighted divergence per element."""
    some = rows(9)[None]
    noise = module.draw_noise(some, torch.Generator().manual_seed(0))
    mean, log_variance = module.encode(some)
    code = Normal(mean, (log_variance / 2).exp())
    error = mse_loss(module.decoder(code.mean + code.stddev * noise), some)
    nats = kl_divergence(code, Normal(0, 1)).sum(dim=-1).mean()

    torch.testing.assert_close(module.loss(some, noise), error + module.kl_weight * 2 * nats / WIDTH)


@pytest.mark.parametrize("kl_weight", [0.0, 0.1, 3.0])
def test_the_loss_holds_the_divergence(kl_weight: float) -> None:
    """Error and divergence add up, weighted as the spec says."""
    assert_holds_divergence(untrained(kl_weight=kl_weight))


class WithoutDivergence(VariationalAutoencoder):
    """What this test is here to notice: an autoencoder that trains well, and is no variational one."""

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:
        """Return the error alone."""
        mean, log_variance = self.encode(rows)
        return mse_loss(self.decoder(mean + (log_variance / 2).exp() * noise), rows)


def test_a_loss_without_the_divergence_is_noticed() -> None:
    """The assertion of the test above fails where the divergence is left out."""
    with pytest.raises(AssertionError):
        assert_holds_divergence(initialise(lambda: WithoutDivergence(WIDTH, (16,), 2, 0.1, 8), 0))


def test_training_minimises_the_divergence() -> None:
    """Under a large weight the code becomes the standard normal and says nothing of the row; without one it does."""
    some = rows(300)
    codes = {kl_weight: trained(kl_weight).encode(some) for kl_weight in (0.0, 30.0)}

    nats = {kl_weight: divergence(*code).mean().item() for kl_weight, code in codes.items()}

    assert nats[0.0] > 5
    assert nats[30.0] < 0.05
    assert codes[30.0][0].abs().max() < 0.5
    assert codes[0.0][0].std() > 1


def test_the_loss_is_the_evidence_bound_of_a_decoder_with_that_noise() -> None:
    """Times d / (2 kl_weight) it differs from the negative bound by the normaliser of the decoder's distribution."""
    module = untrained(kl_weight=0.3)
    some = rows(50)[None]
    noise = module.draw_noise(some, torch.Generator().manual_seed(0))
    mean, log_variance = module.encode(some)
    decoded = Normal(module.decoder(mean + (log_variance / 2).exp() * noise), 0.3**0.5)
    likelihood = decoded.log_prob(some).sum(dim=-1)  # type: ignore[no-untyped-call] # torch leaves it untyped
    bound = (likelihood - divergence(mean, log_variance)).mean()

    normaliser = -WIDTH / 2 * np.log(2 * np.pi * 0.3)

    torch.testing.assert_close(-module.loss(some, noise) * WIDTH / 0.6 + normaliser, bound)


def test_the_error_is_the_expected_one() -> None:
    """With many draws it is the mean squared error over fresh ones; the reconstruction is that of the mean code."""
    module, some = untrained(samples=4000), rows(3)
    mean, log_variance = module.encode(some)
    fresh = mean + (log_variance / 2).exp() * torch.randn(4000, 3, 2, generator=torch.Generator().manual_seed(9))

    reconstruction, errors = module.examine(some, some)

    with torch.inference_mode():
        expected = (module.train().decoder(fresh.flatten(0, 1)[None]).view(4000, 3, WIDTH) - some).square().mean(dim=0)
    torch.testing.assert_close(errors[0], expected, rtol=0.1, atol=0.02)
    torch.testing.assert_close(reconstruction, module.decoder(mean))
    assert (errors >= 0).all()


def test_the_draws_are_the_seeds_and_are_saved() -> None:
    """A row is examined by the draws that came with the weights; the global generator is not asked."""
    module, other = untrained(), initialise(lambda: VaeNetwork(hidden=(16,), bottleneck=2).build(WIDTH), 1)
    once = module.examine(rows(5), rows(5)).errors

    torch.manual_seed(7)
    assert torch.equal(module.examine(rows(5), rows(5)).errors, once)
    assert not torch.equal(other.draws, module.draws)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other.examine(rows(5), rows(5)).errors, once)


def test_the_detector_can_use_it(tmp_path: Path) -> None:
    """Rows off the plane are found, contributions sum to the score, and the saved detector gives the same scores."""
    normal = pd.DataFrame(rows(600).numpy(), columns=list("abcdef"))
    far = normal.head(60) + np.random.default_rng(0).normal(0, 2, (60, WIDTH))
    detector = TabularAutoencoder(network="vae", target_fpr=0.05, random_state=0, device="cpu").fit(normal)

    detector.save(tmp_path / "model")

    scores = detector.anomaly_score(far)
    assert (scores > detector.threshold_).mean() > 0.8
    np.testing.assert_allclose(detector.explain(far).sum(axis=1), scores)
    assert (detector.explain(far) >= 0).all(axis=None)
    assert np.array_equal(TabularAutoencoder.load(tmp_path / "model").anomaly_score(far), scores)
