"""What every network promises, as checks; a new network is checked once it is registered.

They are to a network what scikit-learn's `check_estimator` is to an estimator.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from anomaly_ae.features.pictures import PictureBatch
from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.picture_network import PictureFormat, PictureNetwork, TypicalPicture
from anomaly_ae.networks.row_network import RowFit, RowNetwork
from anomaly_ae.spec import NetworkSection, PictureSpec, ScoringSpec, Spec, TrainingSpec
from anomaly_ae.spec.networks import NETWORKS
from anomaly_ae.training import Trainable, assign_folds, initialise, train

WIDTH = 7
SMALL = {"hidden": (16,), "bottleneck": 3, "rows": 64, "grid": 8, "backbone": "tiny"}
"""Settings that keep the checks quick, for the networks that have them."""
TRAINING = TrainingSpec(steps=60, check_every=20, device="cpu")


def small(kind: str) -> NetworkSection:
    """Return a small network of a kind."""
    section = NETWORKS[kind]
    settings = {name: value for name, value in SMALL.items() if name in section.model_fields}
    return section.model_validate({"kind": kind, **settings})


def toy_rows(count: int = 300) -> Tensor:
    """Return rows of `WIDTH` elements with two directions in common."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 2, generator=generator) @ torch.randn(2, WIDTH, generator=generator)


@dataclass(frozen=True)
class ToyPictures:
    """Pictures of one bar on noise, in a format."""

    size: int
    colours: int

    def __len__(self) -> int:
        """Return the number of pictures."""
        return 12

    def __iter__(self) -> Iterator[PictureBatch]:
        """Yield them six at a time."""
        values = torch.rand(len(self), 1, self.size, self.size, generator=torch.Generator().manual_seed(0)) / 10
        values[:, :, self.size // 4 : self.size // 2] += 0.8
        for some in torch.split(values.expand(-1, self.colours, -1, -1), 6):
            yield PictureBatch(some.contiguous().numpy(), np.full((len(some), 2), self.size))


def check_registration(kind: str) -> None:
    """Check that the registration line and the section agree, and that it is a network of the package's kinds."""
    section = NETWORKS[kind]

    assert section.model_fields["kind"].default == kind
    assert issubclass(section, PictureNetwork)
    assert section.__doc__
    undescribed = [name for name, field in section.model_fields.items() if name != "kind" and not field.description]
    assert not undescribed, f"settings without a description: {undescribed}"
    assert section.model_validate(small(kind).model_dump(mode="json")) == small(kind)


def check_noise(network: Trainable) -> None:
    """Check that noise has a row for each row of the batch, and depends on the generator alone."""
    rows = random_rows(network, 12)
    one, again = (torch.Generator().manual_seed(3) for _ in range(2))
    everyone = torch.get_rng_state()

    noise = network.draw_noise(rows, one)

    assert noise.shape[:2] == rows.shape[:2]
    assert torch.equal(noise, network.draw_noise(rows, again))
    assert torch.equal(torch.get_rng_state(), everyone), "noise is drawn from the generator that is given"
    if noise.numel() == 0:
        assert torch.equal(one.get_state(), torch.Generator().manual_seed(3).get_state())


def check_loss(network: Trainable) -> None:
    """Check that the loss is a mean over rows, random only through the noise, and reaches every weight."""
    rows = random_rows(network, 12)
    noise = network.draw_noise(rows, torch.Generator().manual_seed(0))
    everyone = torch.get_rng_state()

    loss = network.train().loss(rows, noise)
    loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
    parts = [network.loss(rows[:, part], noise[:, part]) for part in (slice(3), slice(3, None))]

    assert loss.shape == ()
    assert torch.equal(loss, network.loss(rows, noise))
    assert torch.equal(torch.get_rng_state(), everyone)
    torch.testing.assert_close(loss, (3 * parts[0] + 9 * parts[1]) / 12)
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
    network.zero_grad()
    network.eval()


def check_learning(network: Trainable) -> None:
    """Check that the loss falls on rows that training leaves out, which have one direction in common."""
    random = random_rows(network, 200)[0]
    rows = random[:, :1] * random[:1]
    fold = assign_folds(len(rows), network.members, 0.1, 0)

    history = train(network, rows / rows.std(), fold, TRAINING.model_copy(update={"check_every": 5}))

    assert history[-1].early_stopping_loss < 0.9 * history[0].early_stopping_loss


def random_rows(network: Trainable, count: int) -> Tensor:
    """Return random rows for each member."""
    return torch.randn(network.members, count, network.width, generator=torch.Generator().manual_seed(1))


def check_reconstruction(network: RowNetwork) -> None:
    """Check the shapes of what the module returns, in training and after, with a single element too."""
    for width in (1, WIDTH):
        module = initialise(partial(network.build, width), 0)
        rows = torch.randn(5, width)
        of_members = rows.expand(module.members, -1, -1)
        reconstruction, errors = module.examine(rows, rows)

        assert module.width == width
        assert module(rows).shape == reconstruction.shape == errors.shape == (module.members, 5, width)
        assert module(rows).dtype == torch.float32
        assert (errors >= 0).all()
        torch.testing.assert_close(module(of_members), module(rows))
        torch.testing.assert_close(module.train()(rows), module.eval()(rows), rtol=1e-5, atol=1e-6)


def check_initial_weights(network: RowNetwork) -> None:
    """Check that a seed determines all that a new module holds."""
    states = [initialise(lambda: network.build(WIDTH), seed).state_dict() for seed in (0, 0, 1)]

    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    assert not all(torch.equal(tensor, states[2][name]) for name, tensor in states[0].items())


def check_fit(network: RowNetwork) -> None:
    """Check that fitting is repeatable to the bit, and that what was fitted can be examined and rebuilt."""
    fit, again = (network.fit(toy_rows(), TRAINING, ScoringSpec()) for _ in range(2))
    state = fit.autoencoder.state_dict()

    assert all(torch.equal(tensor, again.autoencoder.state_dict()[name]) for name, tensor in state.items())
    assert fit.history == again.history
    assert fit.weight.shape == (1 + len(fit.autoencoder.memories), WIDTH)
    assert (fit.weight > 0).all()
    check_examination(fit)
    rebuilt = network.empty(WIDTH, state)
    rebuilt.load_state_dict(state, strict=True)
    assert_same_examination(fit.autoencoder, rebuilt.eval())


def check_examination(fit: RowFit) -> None:
    """Check the shapes, that examining changes nothing, and that no row depends on those beside it."""
    autoencoder, rows = fit.autoencoder, toy_rows(40)
    before = {name: tensor.clone() for name, tensor in autoencoder.state_dict().items()}

    for passes in (1, 2):
        examined, turned = autoencoder.examine(rows, passes), autoencoder.examine(rows.flip(0), passes)
        assert examined.reconstruction.shape == examined.normal.shape == rows.shape
        assert examined.errors.shape == (*fit.weight.shape[:1], *rows.shape)
        assert (examined.errors >= 0).all()
        assert torch.equal(examined.errors, turned.errors.flip(1))
    assert all(torch.equal(tensor, before[name]) for name, tensor in autoencoder.state_dict().items())


def assert_same_examination(one: Autoencoder, other: Autoencoder) -> None:
    """Assert that two autoencoders make the same of rows, to the bit."""
    rows = toy_rows(20)

    assert all(map(torch.equal, one.examine(rows, 2), other.examine(rows, 2)))


def check_few_rows(network: RowNetwork) -> None:
    """Check that fewer rows than elements, down to two, can be learned from."""
    for count in (2, WIDTH - 1):
        fit = network.fit(toy_rows(count), TRAINING.model_copy(update={"steps": 5}), ScoringSpec())

        assert torch.isfinite(fit.autoencoder.examine(toy_rows(9), 1).errors).all()


def check_pictures(network: PictureNetwork) -> None:
    """Check that pictures are brought to a format, learned from repeatably, mapped, and that a model is rebuilt."""
    picture_format = network.decide_format(PictureSpec(size=32), TypicalPicture(side=32, is_grey=True))
    spec = Spec.model_validate({"data": {"source": "unused"}, "network": network, "training": TRAINING})
    extract, pictures = network.feature_extractor(), ToyPictures(picture_format.size, picture_format.colours)
    fits = [network.fit_pictures(pictures, picture_format, extract, spec) for _ in range(2)]
    state, again = (fit.autoencoder.state_dict() for fit in fits)
    rebuilt = network.empty_for_pictures(picture_format, state)
    rebuilt.load_state_dict(state, strict=True)
    values = torch.from_numpy(next(iter(pictures)).values)

    with torch.inference_mode():
        examined = fits[0].autoencoder.examine(extract(values))
        same = rebuilt.eval().examine(extract(values))

    assert PictureFormat.model_validate(picture_format.model_dump(mode="json")) == picture_format
    assert 0 < picture_format.top_share <= 1
    assert all(torch.equal(tensor, again[name]) for name, tensor in state.items())
    assert len(examined.maps) == len(examined.error) == len(values)
    assert (examined.maps >= 0).all()
    assert torch.equal(examined.maps, same.maps)
    assert examined.reconstruction is None or examined.reconstruction.shape == values.shape
    for module in fits[0].autoencoder.modules():
        if isinstance(module, Trainable):
            check_noise(module)
            check_loss(module)


def check_learns_rows(network: RowNetwork) -> None:
    """Check that rows like the train rows are reconstructed better after training than before."""
    trained, untrained = (
        network.fit(toy_rows(), TRAINING.model_copy(update={"steps": steps}), ScoringSpec()).autoencoder.network
        for steps in (200, 0)
    )

    errors = [module.examine(toy_rows(), toy_rows()).errors.mean() for module in (trained, untrained)]

    assert errors[0] < 0.5 * errors[1]


ROW_CHECKS: tuple[Callable[[RowNetwork], None], ...] = (
    check_reconstruction,
    check_initial_weights,
    check_fit,
    check_few_rows,
    check_learns_rows,
    lambda network: check_noise(initialise(lambda: network.build(WIDTH), 0)),
    lambda network: check_loss(initialise(lambda: network.build(WIDTH), 0)),
    lambda network: check_learning(initialise(lambda: network.build(WIDTH), 0)),
)


def check_network(kind: str) -> None:
    """Check everything that a registered network promises.

    Raises:
        AssertionError: a promise is broken.
    """
    check_registration(kind)
    network = small(kind)
    assert isinstance(network, PictureNetwork)
    check_pictures(network)
    if isinstance(network, RowNetwork):
        for check in ROW_CHECKS:
            check(network)
