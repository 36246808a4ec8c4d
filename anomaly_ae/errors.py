"""Everything this package raises on purpose, one tree.

    AnomalyAEError
    ├── SpecError          a setting is unknown, out of range, or contradicts another   (also ValueError)
    ├── SourceError        a source cannot be found or read                             (also OSError)
    ├── ContractError      the data do not have the columns or types they must have     (also ValueError)
    ├── SplitError         the rows cannot be split as asked                            (also ValueError)
    ├── TrainingError      the network cannot be trained on these rows                  (also ValueError)
    ├── CalibrationError   the threshold's promise cannot be made from these scores     (also ValueError)
    ├── ArtifactError      a published directory is incomplete, altered or unsuitable   (also ValueError)
    └── StorageError       a place cannot be written: full, read-only, not permitted    (also OSError)

Each also is the built-in error a caller would expect, so `except ValueError` around the estimator still works.
A message says what was wrong, where, and what to do.
"""


class AnomalyAEError(Exception):
    """Root of the tree: catch this to catch every error the package raises on purpose."""


class SpecError(AnomalyAEError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class SourceError(AnomalyAEError, OSError):
    """A source cannot be found or read."""


class ContractError(AnomalyAEError, ValueError):
    """The data do not have the columns or types they must have."""


class SplitError(AnomalyAEError, ValueError):
    """The rows cannot be split into train, validation and test as asked."""


class TrainingError(AnomalyAEError, ValueError):
    """The network cannot be trained on these rows."""


class CalibrationError(AnomalyAEError, ValueError):
    """The threshold's promise cannot be made from these validation scores."""


class ArtifactError(AnomalyAEError, ValueError):
    """A published directory (dataset, model version, scored table) is incomplete, altered or unsuitable."""


class StorageError(AnomalyAEError, OSError):
    """A place cannot be written: it is full, read-only, or not ours to write to."""
