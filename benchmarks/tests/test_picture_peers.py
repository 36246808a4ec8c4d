"""The peers and figures that our pictures are compared with."""

import numpy as np
import pytest
import torch
from picture_metrics import aupro, pixel_figures
from picture_peers import PEERS, as_maps, coreset


def test_aupro_is_the_area_counted_threshold_by_threshold() -> None:
    """The weighted ROC curve gives what the definition gives: the mean share of each region, by false-positive rate."""
    rng = np.random.default_rng(0)
    masks = [np.zeros((12, 12), bool) for _ in range(2)]
    masks[0][1:3, 1:9] = masks[0][8:10, 8:10] = masks[1][4:7, 4:7] = True
    regions = [(0, slice(1, 3), slice(1, 9)), (0, slice(8, 10), slice(8, 10)), (1, slice(4, 7), slice(4, 7))]
    maps = [rng.random((12, 12)) + 0.4 * mask for mask in masks]
    curve = [(0.0, 0.0)]
    for cut in np.unique(maps)[::-1]:
        false = np.mean(np.concatenate([one[~mask] >= cut for one, mask in zip(maps, masks, strict=True)]))
        curve.append((false, np.mean([np.mean(maps[one][rows, columns] >= cut) for one, rows, columns in regions])))
    x, y = np.array(curve).T
    fine = np.linspace(0, 0.3, 200_001)

    expected = np.interp(fine, x, y).mean()

    found = aupro(masks, np.concatenate([one.ravel() for one in maps]).astype(np.float32))
    assert found == pytest.approx(expected, abs=0.005)


def test_maps_that_equal_the_masks_have_full_marks() -> None:
    """Perfect maps have an area of one by both figures."""
    mask = np.zeros((8, 8), bool)
    mask[2:4, 2:4] = True

    assert pixel_figures([mask], [mask.astype(np.float32)]) == {"pixel_auroc": 1.0, "aupro": 1.0}


def test_the_coreset_covers_what_is_rare() -> None:
    """Few rows far from the many are all chosen."""
    rows = torch.cat([torch.randn(500, 4) * 0.1, 10 * torch.eye(4)])

    chosen = coreset(rows, 8, torch.Generator().manual_seed(0))

    assert all((chosen == one).all(dim=1).any() for one in 10 * torch.eye(4))


@pytest.mark.parametrize("name", PEERS)
def test_peers_find_a_position_that_differs(name: str) -> None:
    """A position unlike its own past has the largest error in the map."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(30, 16, 120, generator=generator) * 0.1 + torch.randn(16, 120, generator=generator)
    other = features[:1].clone()
    other[0, 5] += 2

    errors = PEERS[name](features, 0)(other)

    assert errors.argmax() == 5
    assert as_maps(errors, 4).shape == (1, 8, 8)
