"""Whose fault it is that files cannot be read: their own, or that of what keeps them."""

import gzip


def is_in_the_data(error: Exception) -> bool:
    """Say whether the same bytes would fail again, as they are damaged or do not fit the contract.

    Where a disk, a network or a missing right was at fault, the same files may be read another time.
    """
    return not isinstance(error.__cause__, OSError) or isinstance(error.__cause__, gzip.BadGzipFile)
