"""Training: repeatable to the bit, stopped at its best, loud when it diverges, and better than not training."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score
from torch import Tensor

from anomaly_ae.errors import TrainingError
from anomaly_ae.estimators.frames import contract_of, to_table
from anomaly_ae.modalities.tables.model import ModelSpec, TableModel, fit_model
from anomaly_ae.networks.denoising import DenoisingNetwork, NoiseRange
from anomaly_ae.networks.row_network import RowNetwork
from anomaly_ae.networks.textbook import TextbookNetwork
from anomaly_ae.spec import FeatureSpec, ScoringSpec, TrainingSpec
from anomaly_ae.training import Check, Conduct, Trainable, assign_folds, train

DENOISING = DenoisingNetwork(hidden=(32,), members=2)
TEXTBOOK = TextbookNetwork(hidden=(16,), bottleneck=2)


@pytest.fixture
def rows() -> Tensor:
    """Return rows of six elements with two directions in common."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(300, 2, generator=generator) @ torch.randn(2, 6, generator=generator)


def fresh(spec: RowNetwork) -> Trainable:
    """Return a network with initial weights that are always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return spec.build(6)


def trained(
    rows: Tensor,
    spec: RowNetwork = DENOISING,
    on_check: Callable[[int, float], None] | None = None,
    **settings: object,
) -> tuple[Trainable, list[Check]]:
    """Train a fresh network."""
    training = TrainingSpec(**{"steps": 40, "check_every": 10, "learning_rate": 0.01, **settings})
    network = fresh(spec)
    fold = assign_folds(len(rows), network.members, training.early_stopping_share, training.seed)
    return network, train(network, rows, fold, training, conduct=Conduct(on_check))


def weights(network: Trainable) -> Tensor:
    """Return all weights as one vector."""
    return torch.cat([parameter.detach().ravel() for parameter in network.parameters()])


@pytest.mark.parametrize("spec", [DENOISING, TEXTBOOK], ids=lambda spec: spec.kind)
def test_a_seed_is_reproducible_to_the_bit(rows: Tensor, spec: RowNetwork) -> None:
    """The same seed gives the same weights and history, another seed others."""
    (one, history), (again, same), (other, _) = (trained(rows, spec, seed=seed) for seed in (5, 5, 6))

    assert torch.equal(weights(one), weights(again))
    assert history == same
    assert not torch.equal(weights(one), weights(other))


def test_random_numbers_of_others_are_left_alone(rows: Tensor, mixed: pd.DataFrame) -> None:
    """Training neither reads nor moves torch's and NumPy's global generators."""
    torch.manual_seed(1)
    before, threads, state = torch.get_rng_state(), torch.get_num_threads(), np.random.get_state()[1].copy()  # noqa: NPY002
    one, _ = trained(rows)
    fit(mixed, DENOISING, steps=5)

    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002 - the global one is the point
    assert torch.get_num_threads() == threads
    torch.manual_seed(2)
    assert torch.equal(weights(trained(rows)[0]), weights(one))


def test_it_learns(rows: Tensor) -> None:
    """The early-stopping loss falls."""
    _, history = trained(rows, steps=200)

    assert history[-1].early_stopping_loss < 0.5 * history[0].early_stopping_loss


def test_history_has_every_check_and_the_last_step(rows: Tensor) -> None:
    """A check every so many steps and one at the end, each told to the caller as it happens."""
    told: list[tuple[int, float]] = []

    _, history = trained(rows, steps=35, on_check=lambda step, loss: told.append((step, loss)))

    assert [check.step for check in history] == [10, 20, 30, 35]
    assert told == [(check.step, check.early_stopping_loss) for check in history]


def test_early_stopping_restores_the_best_weights(rows: Tensor) -> None:
    """Once the loss no longer falls training ends, and the weights are those of the best check."""
    training = {"schedule": "constant", "learning_rate": 0.3, "patience": 3, "check_every": 5, "seed": 1}
    stopped, history = trained(rows, steps=2000, **training)
    best = min(history, key=lambda check: check.early_stopping_loss)

    until_best, _ = trained(rows, steps=best.step, **training)

    assert history[-1].step < 2000
    assert history[-1].step - best.step == 15
    assert torch.equal(weights(stopped), weights(until_best))


def test_early_stopping_rows_are_new_to_the_member(rows: Tensor) -> None:
    """What a member is judged on, it is not trained on: changing those rows leaves its weights alone."""
    fold = assign_folds(len(rows), 1, 0.1, 0)
    changed = torch.where((fold == 0)[:, None], rows + 100, rows)
    results = []
    for some in (rows, changed):
        network = fresh(TEXTBOOK)
        train(network, some, fold, TrainingSpec(steps=20, check_every=20))
        results.append(weights(network))

    assert torch.equal(*results)


@pytest.mark.parametrize("members", [1, 2, 5])
def test_folds_share_the_rows_out(members: int) -> None:
    """Each row is new to at most one member, in equal shares; too few rows are not left out of anything."""
    counts = torch.bincount(assign_folds(1000, members, 0.1, 0) + 1, minlength=members + 1)

    assert counts.tolist() == ([900, 100] if members == 1 else [0, *[1000 // members] * members])
    assert (assign_folds(1, members, 0.1, 0) == -1).all()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_handful_of_rows_is_enough(rows: Tensor, count: int) -> None:
    """With too few rows to leave any out, training still ends with finite weights."""
    for spec in (DENOISING, TEXTBOOK):
        network, history = trained(rows[:count], spec)

        assert torch.isfinite(weights(network)).all()
        assert len(history) == 4


def test_no_steps_leave_the_network_untrained(rows: Tensor) -> None:
    """Zero steps change nothing and have no history."""
    network, history = trained(rows, steps=0)

    assert history == []
    assert torch.equal(weights(network), weights(fresh(DENOISING)))


def test_a_diverging_loss_names_the_learning_rate(rows: Tensor) -> None:
    """A loss that is not finite ends training with the setting that caused it, and what to try."""
    with pytest.raises(TrainingError, match=r"training\.learning_rate is 1e\+06 \(sgd\); try a tenth"):
        trained(rows, TEXTBOOK, optimizer="sgd", learning_rate=1e6)


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_any_number_of_steps_fits_the_schedule(rows: Tensor, schedule: str, steps: int) -> None:
    """However few the steps, the schedule takes them."""
    assert trained(rows, steps=steps, schedule=schedule)[1][-1].step == steps


@pytest.mark.parametrize(
    ("schedule", "setting"),
    [
        *product(["constant", "one-cycle"], [{"weight_decay": 0.9}, {"learning_rate": 0.02}, {"batch_size": 8}]),
        ("constant", {"momentum": 0.5}),
        pytest.param("one-cycle", {"momentum": 0.5}),
    ],
)
def test_every_setting_has_an_effect(rows: Tensor, schedule: str, setting: dict[str, float]) -> None:
    """A setting that the user changes changes the weights."""
    usual = {"optimizer": "sgd", "schedule": schedule}

    assert not torch.equal(weights(trained(rows, **usual)[0]), weights(trained(rows, **usual, **setting)[0]))


def test_noise_stays_in_its_range() -> None:
    """Each row gets one standard deviation, between the bounds, evenly on a log scale."""
    noise = NoiseRange(0.05, 0.5).draw(torch.zeros(4000, 200), torch.Generator().manual_seed(0))

    deviation = noise.std(dim=1)
    assert 0.04 < deviation.min() < 0.06
    assert 0.4 < deviation.max() < 0.6
    steps = torch.quantile(deviation.log(), torch.tensor([0.05, 0.35, 0.65, 0.95])).diff()
    assert steps.tolist() == pytest.approx([0.3 * np.log(10)] * 3, abs=0.05)


def fit(frame: pd.DataFrame, network: RowNetwork, steps: int) -> TableModel:
    """Fit a whole model."""
    contract = contract_of(frame)
    how = ModelSpec(FeatureSpec(), network, TrainingSpec(steps=steps, device="cpu"), ScoringSpec())
    return fit_model(to_table(frame, contract), contract.features, how)


def interval(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 95 % bootstrap interval of the mean of paired differences."""
    places = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    return np.quantile(values[places].mean(axis=1), [0.025, 0.975])


def one_class(name: str, normal: int) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.bool_]]:
    """Return train rows of the normal class, test rows of all, and which of these are anomalies."""
    X, y = {"breast cancer": load_breast_cancer, "digits": load_digits}[name](return_X_y=True)
    is_train = (y == normal) & (np.random.default_rng(0).random(len(y)) < 0.5)
    frame = pd.DataFrame(X, columns=[f"x{index}" for index in range(X.shape[1])])
    return frame[is_train], frame[~is_train], y[~is_train] != normal


NETWORKS = pytest.mark.parametrize(
    "network", [DenoisingNetwork(hidden=(32,)), TextbookNetwork(hidden=(32,), bottleneck=8)], ids=lambda spec: spec.kind
)


@pytest.mark.parametrize(("data", "normal"), [("breast cancer", 1), ("digits", 3)])
@NETWORKS
def test_trained_reconstructs_unseen_rows_better_than_untrained(data: str, normal: int, network: RowNetwork) -> None:
    """On real normal rows that training did not see the error is lower: the interval over rows excludes no gain."""
    train_rows, test_rows, anomaly = one_class(data, normal)
    table = to_table(test_rows[~anomaly], contract_of(train_rows))

    trained, untrained = (fit(train_rows, network, steps).score(table).reconstruction_error for steps in (150, 0))

    assert interval(untrained - trained)[0] > 0.1 * untrained.mean()


@NETWORKS
def test_trained_ranks_anomalies_better_than_untrained(network: RowNetwork) -> None:
    """Over ten tasks, each real digit being normal once, ROC AUC rises: the interval over tasks excludes no gain.

    Not so among the breast cancer rows: there malignant is larger in everything, and the distance from the mean, which
    is what an untrained network scores, is the better ranking.
    """
    gain = []
    for digit in range(10):
        train_rows, test_rows, anomaly = one_class("digits", digit)
        table = to_table(test_rows, contract_of(train_rows))
        scores = (fit(train_rows, network, steps).score(table).anomaly_score for steps in (100, 0))
        trained, untrained = (roc_auc_score(anomaly, score) for score in scores)
        gain.append(trained - untrained)

    assert interval(np.array(gain))[0] > 0
