"""What folders say of a picture: its kind, its split, and which mask belongs to which picture.

MVTec's layout is `train/good/*`, `test/<kind>/*` and `ground_truth/<kind>/*_mask.png`, below any folder; elsewhere the
name of a picture's folder is its kind.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

_ORIGINS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
_MASKS = "ground_truth"
NORMAL_KINDS = ("good", "normal", "ok", "GOOD", "Good", "NORMAL", "Normal", "OK", "Ok")
"""Folders with these names hold normal pictures; all others beside them then hold anomalies."""


@dataclass(frozen=True)
class Place:
    """What a path says of a picture.

    Attributes:
        origin: train, validation or test; None where no folder has such a name.
        kind: what the picture shows (good, scratch, ...), by its folder; None where it is in no folder.
    """

    origin: str | None = None
    kind: str | None = None


def place_of(name: str) -> Place:
    """Read a path inside a source, with forward slashes."""
    folders = PurePosixPath(name).parts[:-1]
    for depth, folder in enumerate(folders):
        if folder in _ORIGINS:
            return Place(_ORIGINS[folder], folders[depth + 1] if depth + 1 < len(folders) else None)
    normal = next((folder for folder in folders if folder in NORMAL_KINDS), None)
    return Place(None, normal or (folders[-1] if folders else None))


def is_mask(name: str) -> bool:
    """Say whether a path is below the folder of masks."""
    return _MASKS in PurePosixPath(name).parts[:-1]


def match_masks(names: Iterable[str]) -> dict[str, list[str]]:
    """Find the masks of each picture.

    `ground_truth/<kind>/x_mask.png` or `ground_truth/<kind>/x.png` is the mask of `test/<kind>/x.*`, or of `<kind>/x.*`
    where that folder does not exist; so are all files in a folder `ground_truth/<kind>/x/`.

    Returns:
        Masks by picture; those without a picture under the empty name.
    """
    names = list(names)
    pictures = {_key(name): name for name in names if not is_mask(name)}
    matched: dict[str, list[str]] = {}
    for mask in filter(is_mask, names):
        owner = next((pictures[key] for key in _owner_keys(mask) if key in pictures), "")
        matched.setdefault(owner, []).append(mask)
    return matched


def _key(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _owner_keys(mask: str) -> Iterable[str]:
    """Yield the paths, without suffix, of the pictures whose mask this may be."""
    path = PurePosixPath(mask)
    depth = path.parts.index(_MASKS)
    above, below = path.parts[:depth], path.parts[depth + 1 : -1]
    for between in (("test",), ()):
        for stem in (path.stem.removesuffix("_mask"), path.stem):
            yield str(PurePosixPath(*above, *between, *below, stem))
        yield str(PurePosixPath(*above, *between, *below))
