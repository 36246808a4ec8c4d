"""Archives give the pictures that a folder would, and nothing in them is trusted."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from makers import encode, mvtec, pixels, rejects, rows, run, write
from PIL import Image

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.pictures import archives

Pack = Callable[[Path, Path], Path]


def pack_zip(folder: Path, target: Path) -> Path:
    """Pack a folder into target.zip, with the folder's own name above."""
    path = target.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(folder.parent))
    return path


def pack_tar(folder: Path, target: Path) -> Path:
    """Pack a folder into target.tar.gz; masks come after their pictures."""
    path = target.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted((file for file in folder.rglob("*") if file.is_file()), reverse=True):
            archive.add(file, file.relative_to(folder.parent).as_posix())
    return path


def names_to_reasons(result: object) -> dict[str, str]:
    """Return the reject reasons by the path in the archive."""
    return {json.loads(record)["name"].partition(":")[2]: why for record, why in rejects(result).items()}  # type: ignore[arg-type]


def put(archive: tarfile.TarFile, name: str, content: bytes = b"", **facts: object) -> None:
    """Add a member of any name and type to a tar file."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for fact, value in facts.items():
        setattr(member, fact, value)
    archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
def test_archive_gives_what_its_folder_gives(tmp_path: Path, pack: Pack) -> None:
    """Packed or not, the same pictures have the same kinds, labels, origins and masks."""
    folder = mvtec(tmp_path / "tiles")
    names = ("picture", "kind", "origin", "mask", "_label", "sha256")
    wanted = {row["_row_id"]: [row[name] for name in names] for row in rows(run(folder))}

    result = run(pack(folder, tmp_path / "packed"))

    found = {row["_row_id"].partition(":tiles/")[2]: [row[name] for name in names] for row in rows(result)}
    assert found == wanted
    assert {row["_source_file"].partition(".")[0] for row in rows(result)} == {"packed"}


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
def test_same_archive_gives_the_same_bytes(tmp_path: Path, pack: Pack) -> None:
    """An archive read again gives a dataset of the same name, which is found again."""
    path = pack(mvtec(tmp_path / "tiles"), tmp_path / "packed")

    assert not run(path).reused
    assert run(path).reused


def test_paths_that_lead_out_of_a_zip_are_rejected(tmp_path: Path) -> None:
    """Absolute paths, drives, `..`, links and a second member of one name are refused; nothing is written outside."""
    encoded = encode(pixels())
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    bad = ("/etc/abs.png", "../up.png", "a/../../up.png", "..\\win.png", "C:\\drive.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("good/a.png", *bad):
            archive.writestr(name, encoded)
        archive.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("good/a.png", encoded)
        archive.writestr("README.txt", "not a picture")

    result = run(tmp_path / "a.zip")

    assert [row["_row_id"] for row in rows(result)] == ["a.zip:good/a.png"]
    assert (result.rows_in, result.rows_rejected) == (8, 7)
    reasons = sorted(result.rejected_by_reason.items())
    assert reasons == [("duplicate_name", 1), ("link", 1), ("unsafe_path", 5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "ws"]


def test_members_of_a_tar_that_are_no_plain_files_are_rejected(tmp_path: Path) -> None:
    """Paths that lead out, symbolic and hard links and devices are refused with a reason each."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        put(archive, "a.png", encode(pixels()))
        put(archive, "../up.png", encode(pixels()))
        put(archive, "/abs.png", encode(pixels()))
        put(archive, "link.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        put(archive, "hard.png", type=tarfile.LNKTYPE, linkname="a.png")
        put(archive, "pipe.png", type=tarfile.FIFOTYPE)

    result = run(tmp_path / "a.tar")

    assert [row["_row_id"] for row in rows(result)] == ["a.tar:a.png"]
    assert names_to_reasons(result) == {
        "../up.png": "unsafe_path",
        "/abs.png": "unsafe_path",
        "link.png": "link",
        "hard.png": "link",
        "pipe.png": "link",
    }


def test_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A member that unpacks to a hundred times its size and more is refused by what the directory says."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", encode(pixels()))
        archive.writestr("bomb.bmp", bytes(65 << 20))

    result = run(tmp_path / "a.zip")

    assert names_to_reasons(result) == {"bomb.bmp": "zip_bomb"}
    assert result.rows_accepted == 1


def test_tar_bomb_is_refused(tmp_path: Path) -> None:
    """A packed tar that grows beyond all measure is refused whole, with what to do."""
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", compresslevel=1) as archive:
        put(archive, "filler.bin", bytes(65 << 20))
        put(archive, "a.png", encode(pixels()))

    with pytest.raises(SourceError, match="unpack it yourself if you trust it"):
        run(tmp_path / "a.tar.gz")


def test_encrypted_zip_says_so(tmp_path: Path) -> None:
    """A password is asked for in words, not by a traceback."""
    path = pack_zip(mvtec(tmp_path / "tiles"), tmp_path / "packed")
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = raw.find(mark)
        while place >= 0:
            raw[place + offset] |= 1
            place = raw.find(mark, place + 4)
    path.write_bytes(bytes(raw))

    with pytest.raises(SourceError, match="encrypted; unpack it with its password"):
        run(path)


def test_damaged_member_costs_one_picture(tmp_path: Path) -> None:
    """A member whose checksum is wrong is rejected; the others are read."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", encode(pixels()))
        archive.writestr("b.png", encode(pixels(1)))
    raw = bytearray(path.read_bytes())
    raw[100] ^= 0xFF
    path.write_bytes(bytes(raw))

    result = run(path)

    assert names_to_reasons(result) == {"a.png": "damaged"}
    assert [row["_row_id"] for row in rows(result)] == ["a.zip:b.png"]


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_archive_cut_short_is_refused(tmp_path: Path, pack: Pack, share: float) -> None:
    """An archive that ends in its middle is a SourceError, and nothing is published."""
    path = pack(mvtec(tmp_path / "tiles"), tmp_path / "packed")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(SourceError, match="damaged or cut short"):
        run(path)

    datasets = tmp_path / "ws" / "datasets"
    assert not datasets.exists() or list(datasets.iterdir()) == []


def test_masks_of_a_tar_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks are held in memory up to a limit; beyond it the user is told to unpack."""
    monkeypatch.setattr(archives, "_MASK_BYTES", 10)

    with pytest.raises(SourceError, match="of masks; unpack it"):
        run(pack_tar(mvtec(tmp_path / "tiles"), tmp_path / "packed"))


def test_archives_and_loose_pictures_are_one_source(tmp_path: Path) -> None:
    """A folder of pictures and archives gives all, and every archive is listed with its rows."""
    pack_zip(mvtec(tmp_path / "tiles"), tmp_path / "packed")
    write(tmp_path / "in" / "a.png")
    (tmp_path / "packed.zip").rename(tmp_path / "in" / "b.zip")

    result = run(tmp_path / "in")

    listed = result.dataset.manifest.sources
    assert [(source["name"], source["rows"]) for source in listed] == [(".", 1), ("b.zip", 8)]
    assert result.rows_accepted == 9


def test_flat_pictures_in_a_zip_are_no_bombs(tmp_path: Path) -> None:
    """A white scan packs a thousandfold, and is still a picture."""
    white = encode(Image.fromarray(np.full((1000, 1000), 255, np.uint8)), "BMP")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bmp", white)

    assert run(tmp_path / "a.zip").rows_accepted == 1
