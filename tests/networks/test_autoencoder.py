"""Networks: shapes are kept, every weight learns, evaluation is repeatable, and a memory recalls the nearest rows."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.denoising import DenoisingAutoencoder, DenoisingNetwork, NoiseRange
from anomaly_ae.networks.memory import MemoryNetwork
from anomaly_ae.networks.nearest import Memory, whitening
from anomaly_ae.networks.reconstructor import Reconstructor
from anomaly_ae.networks.row_network import RowNetwork
from anomaly_ae.networks.textbook import TextbookAutoencoder, TextbookNetwork

SPECS = [
    TextbookNetwork(hidden=(12,), bottleneck=3),
    TextbookNetwork(hidden=(), bottleneck=2),
    DenoisingNetwork(hidden=(16,), members=1),
    DenoisingNetwork(hidden=(16, 8), members=3),
    MemoryNetwork(hidden=(16,), members=2, rows=20),
]
EACH = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.kind}-{len(spec.hidden)}")


def rows(count: int, width: int, seed: int = 0) -> Tensor:
    """Return random rows."""
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def empty(spec: RowNetwork, width: int) -> Autoencoder:
    """Return an untrained autoencoder, with memories of twenty rows where the network has memories."""
    return spec.empty(width, {f"memories.{index}.stored": torch.empty(20, width) for index in range(2)})


@EACH
@pytest.mark.parametrize("width", [1, 7])
def test_shape_is_kept(spec: RowNetwork, width: int) -> None:
    """Every member reconstructs every row; the autoencoder returns one reconstruction a row, in float32."""
    network = empty(spec, width).eval()
    clean = rows(5, width)

    assert network.network(clean).shape == (network.network.members, 5, width)
    assert network(clean).shape == clean.shape
    assert network(clean).dtype == torch.float32
    examined = network.examine(clean, passes=2)
    assert examined.errors.shape == (1 + len(network.memories), 5, width)
    assert examined.normal.shape == clean.shape


@EACH
def test_gradient_reaches_every_parameter(spec: RowNetwork) -> None:
    """No weight is left out of the reconstruction."""
    network = spec.build(7)

    network(rows(64, 7)).square().sum().backward()

    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@EACH
def test_evaluation_is_repeatable_and_changes_nothing(spec: RowNetwork) -> None:
    """The same rows reconstruct to the same bits, and no state moves."""
    network = empty(spec, 7).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    once, again = network.examine(rows(30, 7), 2), network.examine(rows(30, 7), 2)

    assert all(torch.equal(one, other) for one, other in zip(once, again, strict=True))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@EACH
def test_state_survives_a_rebuild(spec: RowNetwork) -> None:
    """The tensors of one autoencoder, loaded into another of the same spec, reconstruct the same."""
    one, other = (empty(spec, 7).eval() for _ in range(2))

    other.load_state_dict(one.state_dict(), strict=True)

    assert torch.equal(one(rows(9, 7)), other(rows(9, 7)))


@EACH
def test_members_one_by_one_are_what_was_trained_side_by_side(spec: RowNetwork) -> None:
    """A network gives the same while it is trained, all members at once, and after it, layer and activation in one."""
    network = empty(spec, 7).network

    torch.testing.assert_close(network.eval()(rows(5, 7)), network.train()(rows(5, 7)), rtol=1e-5, atol=1e-6)


def test_all_that_returns_has_passed_the_bottleneck() -> None:
    """A code of three numbers comes out of the encoder, and a linear decoder spans no more than three directions."""
    network, linear = TextbookAutoencoder(10, (16,), 3), TextbookAutoencoder(10, (), 3)

    assert network.encoder(rows(5, 10)[None]).shape == (1, 5, 3)
    differences = (linear(rows(200, 10)) - linear(torch.zeros(1, 10)))[0].detach()
    assert torch.linalg.matrix_rank(differences, rtol=1e-4) == 3


def test_members_are_networks_of_their_own() -> None:
    """Members start from different weights, and the reconstruction is their mean."""
    network = empty(DenoisingNetwork(hidden=(8,), members=3), 6)

    members = network.network(rows(5, 6))

    assert not torch.equal(members[0], members[1])
    assert torch.allclose(network(rows(5, 6)), members.mean(dim=0), atol=1e-6)


@pytest.mark.parametrize(
    "make", [lambda: TextbookAutoencoder(5, (4,), 2), lambda: DenoisingAutoencoder(5, (4,), 2, NoiseRange(0.05, 0.5))]
)
def test_initial_weights_come_from_torchs_generator(make: Callable[[], Reconstructor]) -> None:
    """The same seed gives the same weights, another seed others."""
    weights = []
    for seed in (0, 0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            weights.append(torch.cat([parameter.detach().ravel() for parameter in make().parameters()]))

    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_errors_are_those_of_the_last_pass() -> None:
    """With several passes the error is taken after the reconstruction was fed back; the first one is still reported."""
    network = empty(DenoisingNetwork(hidden=(8,), members=1), 6).eval()
    clean = rows(5, 6)
    twice = network(network(clean))

    examined = network.examine(clean, passes=2)

    assert torch.allclose(examined.reconstruction, network(clean))
    assert torch.allclose(examined.errors[0], (twice - clean).square(), atol=1e-6)
    assert torch.allclose(examined.normal, twice, atol=1e-6)


@given(st.integers(0, 1000), st.integers(1, 5), st.booleans())
def test_a_memory_recalls_the_nearest_rows(seed: int, neighbours: int, whitened: bool) -> None:
    """What is recalled are the stored rows with the least distance in the memory's frame, found the slow way."""
    stored, asked = rows(12, 4, seed), rows(6, 4, seed + 1)
    memory = Memory.of(stored, neighbours, whitening(stored, 0.1) if whitened else torch.eye(4))
    framed = asked @ memory.frame

    recalled = memory.recall(framed)

    distance = torch.cdist(framed, memory.stored, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = memory.stored[distance.topk(neighbours, largest=False).indices]
    assert recalled.shape == (neighbours, 6, 4)
    assert torch.equal(recalled.transpose(0, 1).sort(dim=1).values, nearest.sort(dim=1).values)


def test_a_row_does_not_recall_itself() -> None:
    """A stored row asked about itself gets its neighbours, so that its error is that of a row not stored."""
    stored = rows(12, 4)
    memory = Memory.of(stored, 1, torch.eye(4))

    recalled = memory.recall(stored, torch.arange(12))[0]

    assert not (recalled == stored).all(dim=1).any()
    assert torch.equal(memory.recall(stored)[0], stored)


def test_unseen_errors_are_those_of_the_member_that_did_not_train_on_the_row() -> None:
    """A train row's error is taken from the member that left it out; from all of them where none did."""
    network = empty(DenoisingNetwork(hidden=(8,), members=2), 6).eval()
    clean = rows(4, 6)
    every = (network.network(clean) - clean).square()

    errors = network.unseen_errors(clean, torch.tensor([0, 1, 1, -1]), torch.full((4,), -1), 1)[0]

    expected = torch.stack([every[0, 0], every[1, 1], every[1, 2], every[:, 3].mean(dim=0)])
    assert torch.allclose(errors, expected, atol=1e-6)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(0.01, 1.0))
def test_whitening_whitens(seed: int, shrinkage: float) -> None:
    """The shrunk covariance of the rows becomes the identity, by a symmetric matrix."""
    correlated = rows(300, 5, seed) @ rows(5, 5, seed + 1)
    covariance = np.cov(correlated.double().numpy().T, bias=True)
    shrunk = (1 - shrinkage) * covariance + shrinkage * covariance.trace() / 5 * np.eye(5)

    frame = whitening(correlated, shrinkage).double().numpy()

    assert frame == pytest.approx(frame.T, abs=1e-4)
    assert frame @ shrunk @ frame == pytest.approx(np.eye(5), abs=1e-3)


def test_whitening_survives_directions_that_do_not_vary() -> None:
    """Rows with a constant or doubled element, or fewer rows than elements, still have a finite frame."""
    flat = torch.cat([rows(3, 4), torch.zeros(3, 1), rows(3, 4)[:, :1]], dim=1)

    assert torch.isfinite(whitening(flat, 0.1)).all()
