"""What every published directory says of itself in `manifest.json`, as a checked model instead of a dictionary."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage import MANIFEST, read_manifest, verify_files
from anomaly_ae.storage.locations import Location


class FileRecord(BaseModel):
    """Size and SHA-256 of a published file."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What the manifests of all kinds have.

    Attributes:
        format_version: of the directory's layout and files.
        files: what the directory holds, by relative name; files that a later stage may replace are not listed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    KIND: ClassVar[str]
    FORMAT_VERSION: ClassVar[int]
    REMEDY: ClassVar[str]
    """What to do about a directory of another format."""

    format_version: int
    files: dict[str, FileRecord]

    @classmethod
    def read(cls, directory: Location) -> Self:
        """Read the manifest of a published directory.

        Raises:
            ArtifactError: the directory does not exist, was never completed, is of another kind or of another format,
                or its manifest was altered.
        """
        content = read_manifest(directory, cls.KIND)
        version = content.get("format_version")
        if version != cls.FORMAT_VERSION:
            msg = f"{directory} has format version {version}; this release reads {cls.FORMAT_VERSION}: {cls.REMEDY}"
            raise ArtifactError(msg)
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            msg = f"{directory / MANIFEST}: {key}: {first['msg']}; {cls.REMEDY}"
            raise ArtifactError(msg) from error

    def verify(self, directory: Location, names: tuple[str, ...] | None = None) -> None:
        """Compare files with their recorded hashes; a file that has not been touched since is hashed once a process.

        Args:
            directory: of this manifest.
            names: which files; default: all.

        Raises:
            ArtifactError: a file is missing, is not listed, or has changed.
        """
        chosen = self.files if names is None else {name: self.files.get(name) for name in names}
        verify_files(directory, {name: record.model_dump() if record else {} for name, record in chosen.items()})
