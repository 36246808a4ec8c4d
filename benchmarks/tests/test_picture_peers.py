"""The peers and metrics of the picture benchmark."""

import numpy as np
import pytest
import torch
from picture_metrics import aupro, pixel_figures
from picture_peers import PEERS, as_maps, coreset


def test_aupro_is_the_area_counted_threshold_by_threshold() -> None:
    """The weighted ROC curve gives the mean per-region overlap by false-positive rate, as defined."""
    rng = np.random.default_rng(0)
    masks = [np.zeros((12, 12), bool) for _ in range(2)]
    masks[0][1:3, 1:9] = masks[0][8:10, 8:10] = masks[1][4:7, 4:7] = True
    regions = [(0, slice(1, 3), slice(1, 9)), (0, slice(8, 10), slice(8, 10)), (1, slice(4, 7), slice(4, 7))]
    maps = [rng.random((12, 12)) + 0.4 * mask for mask in masks]
    curve = [(0.0, 0.0)]
    for cut in np.unique(maps)[::-1]:
        fpr = np.mean(np.concatenate([errors[~mask] >= cut for errors, mask in zip(maps, masks, strict=True)]))
        curve.append((fpr, np.mean([np.mean(maps[index][rows, columns] >= cut) for index, rows, columns in regions])))
    x, y = np.array(curve).T
    fine = np.linspace(0, 0.3, 200_001)

    expected = np.interp(fine, x, y).mean()

    found = aupro(masks, np.concatenate([errors.ravel() for errors in maps]).astype(np.float32))
    assert found == pytest.approx(expected, abs=0.005)


def test_maps_that_equal_the_masks_have_full_marks() -> None:
    """Perfect maps have both metrics at 1."""
    mask = np.zeros((8, 8), bool)
    mask[2:4, 2:4] = True

    assert pixel_figures([mask], [mask.astype(np.float32)]) == {"pixel_auroc": 1.0, "aupro": 1.0}


def test_the_coreset_covers_rare_rows() -> None:
    """A few rows far from the bulk are all chosen."""
    rows = torch.cat([torch.randn(500, 4) * 0.1, 10 * torch.eye(4)])

    chosen = coreset(rows, 8, torch.Generator().manual_seed(0))

    assert all((chosen == row).all(dim=1).any() for row in 10 * torch.eye(4))


@pytest.mark.parametrize("name", PEERS)
def test_peers_find_a_position_that_differs(name: str) -> None:
    """A position unlike its train features has the largest error in the map."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(30, 16, 120, generator=generator) * 0.1 + torch.randn(16, 120, generator=generator)
    other = features[:1].clone()
    other[0, 5] += 2

    errors = PEERS[name](features, 0)(other)

    assert errors.argmax() == 5
    assert as_maps(errors, 4).shape == (1, 8, 8)
