"""The exceptions this package raises.

    AnomalyAEError
    ├── SpecError          a setting is unknown, out of range, or contradicts another   (also ValueError)
    ├── SourceError        a source cannot be found or read                             (also OSError)
    ├── ContractError      the data lack the required columns or types                  (also ValueError)
    ├── SplitError         the rows cannot be split as requested                        (also ValueError)
    ├── TrainingError      the network cannot be trained on these rows                  (also ValueError)
    ├── CalibrationError   the threshold cannot keep its promise on these scores        (also ValueError)
    ├── ArtifactError      a published directory is incomplete, altered or unsuitable   (also ValueError)
    └── StorageError       a location cannot be written: full, read-only, not permitted (also OSError)

Each also derives from the built-in exception a caller would expect, so `except ValueError` around the estimator works.
Every message states what is wrong, where, and what to do about it.
"""


class AnomalyAEError(Exception):
    """Base class of every exception the package raises."""


class SpecError(AnomalyAEError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class SourceError(AnomalyAEError, OSError):
    """A source cannot be found or read."""


class ContractError(AnomalyAEError, ValueError):
    """The data lack the required columns or types."""


class SplitError(AnomalyAEError, ValueError):
    """The rows cannot be split into train, validation and test as requested."""


class TrainingError(AnomalyAEError, ValueError):
    """The network cannot be trained on these rows."""


class CalibrationError(AnomalyAEError, ValueError):
    """The threshold cannot keep its promise on these validation scores."""


class ArtifactError(AnomalyAEError, ValueError):
    """A published directory (dataset, model version, scored table) is incomplete, altered or unsuitable."""


class StorageError(AnomalyAEError, OSError):
    """A location cannot be written: it is full or read-only, or permission is missing."""
