"""The memory's search: quick, and yet exactly the nearest rows."""

import pytest
import torch

from anomaly_ae.networks.nearest import Memory


@pytest.mark.parametrize(
    ("stored", "width", "neighbours"), [(4096, 30, 3), (1000, 7, 5), (65, 3, 64), (50, 5, 3), (3, 4, 3)]
)
def test_search_by_groups_finds_the_nearest_rows(stored: int, width: int, neighbours: int) -> None:
    """Whatever the number of stored rows, the indices are those of a plain search through all distances."""
    torch.manual_seed(0)
    memory = Memory.of(torch.randn(stored, width), neighbours)
    rows = torch.randn(200, width)

    found = memory.nearest(rows)

    plain = torch.cdist(rows, memory.stored).topk(memory.neighbours, largest=False).indices
    assert torch.equal(found.sort(dim=1).values, plain.sort(dim=1).values)


def test_a_stored_row_does_not_find_itself() -> None:
    """With its own index given, a row finds its nearest neighbours among the others."""
    torch.manual_seed(0)
    rows = torch.randn(130, 4)
    memory = Memory.of(rows, 3)

    found = memory.nearest(rows, own=torch.arange(130))

    assert not (found == torch.arange(130)[:, None]).any()
