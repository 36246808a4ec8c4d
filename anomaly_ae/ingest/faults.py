"""Whether a source that cannot be read is itself at fault, or the storage that holds it."""

import gzip


def is_in_the_data(error: Exception) -> bool:
    """Say whether the same bytes would fail again, because they are damaged or do not fit the contract.

    Where a disk, a network or a missing permission was at fault, the same files may be read later.
    """
    return not isinstance(error.__cause__, OSError) or isinstance(error.__cause__, gzip.BadGzipFile)
