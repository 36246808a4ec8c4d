"""Storage: locations on this machine or an object store, atomic writes, and content hashes.

locations   locations from text, local or remote; listings
files       JSON and bytes, written atomically; created by one writer only; hashes
leftovers   hidden names, and the files dead processes leave under them
publishing  directories that are either complete or absent
objects     the same on an object store, where nothing can be renamed
parquet     Parquet files, local or remote; imported separately, because it loads pyarrow
"""

from anomaly_ae.storage.files import (
    canonical_json,
    copy_file,
    create_json,
    fingerprint,
    hash_file,
    open_bytes,
    read_each,
    read_json,
    write_bytes,
    write_json,
    write_text,
)
from anomaly_ae.storage.leftovers import STAGING, clear_stale, owner_is_gone, remove
from anomaly_ae.storage.locations import AnyLocation, Location, expand, files_below, is_remote, locate, reach
from anomaly_ae.storage.publishing import (
    MANIFEST,
    Staging,
    commit,
    is_published,
    make_directory,
    open_staging,
    publish,
    read_manifest,
    removed_on_failure,
    verify_files,
    withdraw,
)

__all__ = [
    "MANIFEST",
    "STAGING",
    "AnyLocation",
    "Location",
    "Staging",
    "canonical_json",
    "clear_stale",
    "commit",
    "copy_file",
    "create_json",
    "expand",
    "files_below",
    "fingerprint",
    "hash_file",
    "is_published",
    "is_remote",
    "locate",
    "make_directory",
    "open_bytes",
    "open_staging",
    "owner_is_gone",
    "publish",
    "reach",
    "read_each",
    "read_json",
    "read_manifest",
    "remove",
    "removed_on_failure",
    "verify_files",
    "withdraw",
    "write_bytes",
    "write_json",
    "write_text",
]
