"""Checkpoints: the state of a training, saved from time to time, so that a run that was killed can be resumed.

A checkpoint is a published directory like any other, inside one that no reader looks at: safetensors and JSON, verified
against the hashes in its manifest before it is used.

    models/.training-<version>/<step>/state.safetensors  state.json  manifest.json
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from safetensors.torch import load
from safetensors.torch import save as serialize
from torch import Tensor

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage import (
    is_published,
    publish,
    read_json,
    read_manifest,
    remove,
    verify_files,
    write_json,
)
from anomaly_ae.storage.locations import Location

KIND, TENSORS, FACTS = "checkpoint", "state.safetensors", "state.json"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """The state of a training at one step.

    Attributes:
        tensors: by dotted names.
        facts: the rest, as JSON values.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def below(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `prefix` and a dot, without that prefix in their names."""
        start = f"{prefix}."
        return {name.removeprefix(start): tensor for name, tensor in self.tensors.items() if name.startswith(start)}


class Checkpoints:
    """The checkpoints of one model version, of which the last is kept.

    Args:
        directory: receives them, and nothing else.
        version: of the model in training; checkpoints of other versions are ignored.
        seconds: minimum between two checkpoints.
        clock: returns the seconds since some fixed time.

    Attributes:
        resumed_from: the step of the checkpoint that training was resumed from; None where it started from scratch.
    """

    def __init__(
        self, directory: Location, version: str, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.directory, self.version, self.seconds, self.clock = directory, version, seconds, clock
        self.resumed_from: int | None = None
        self.last = clock()

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since the last checkpoint."""
        return self.clock() - self.last >= self.seconds

    def latest(self) -> State | None:
        """Return the last saved state, or None; checkpoints that fail verification are removed."""
        for path in reversed(self._written()):
            try:
                state = self._read(path)
            except (ArtifactError, OSError) as error:
                _LOG.warning("a checkpoint is not used: %s", error)
                remove(path)
            else:
                self.resumed_from = state.facts["step"]
                _LOG.info("training resumes from step %d", self.resumed_from)
                return state
        return None

    def save(self, state: State) -> None:
        """Save a state and remove earlier ones; where it cannot be written, training continues without it."""
        before = self._written()
        target = self.directory / f"{state.facts['step']:09d}"
        try:
            with publish(target) as staging:
                content = {name: tensor.cpu().contiguous() for name, tensor in state.tensors.items()}
                (staging.path / TENSORS).write_bytes(serialize(content))
                write_json(staging.path / FACTS, state.facts)
                staging.facts.update(kind=KIND, version=self.version)
            for path in before:
                remove(path)
        except (OSError, ArtifactError) as error:
            _LOG.warning("the checkpoint %s could not be written: %s", target, error)
        self.last = self.clock()

    def clear(self) -> None:
        """Remove all checkpoints."""
        remove(self.directory)

    def _written(self) -> list[Location]:
        return sorted(path for path in self.directory.glob("[!.]*") if is_published(path))

    def _read(self, directory: Location) -> State:
        manifest = read_manifest(directory, KIND)
        if manifest.get("version") != self.version:
            msg = f"{directory} is of model version {manifest.get('version')}, not {self.version}"
            raise ArtifactError(msg)
        verify_files(directory, manifest["files"])
        tensors = load((directory / TENSORS).read_bytes())
        # Copies: tensors that are read from bytes keep the file's alignment, and torch needs its own.
        return State({name: tensor.clone() for name, tensor in tensors.items()}, read_json(directory / FACTS))
