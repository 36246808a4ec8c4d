"""The one training loop, for every network that brings its noise and its loss.

loop            `train`, with its reports, checkpoints and process group
learner         the state of a training run, and one update
trainable       what training asks of a network
early_stopping  the early-stopping loss, and the best weights by it
rows            which rows a step sees, and which are kept for early stopping
checkpoints     the saved state of a training run, from which a later run resumes
process_group   several processes that train one network together
"""

from anomaly_ae.training.checkpoints import Checkpoints
from anomaly_ae.training.early_stopping import Check
from anomaly_ae.training.loop import UNATTENDED, Conduct, OnCheck, select_device, train
from anomaly_ae.training.process_group import ALONE, ProcessGroup, join
from anomaly_ae.training.rows import assign_folds
from anomaly_ae.training.trainable import Trainable, initialise

__all__ = [
    "ALONE",
    "UNATTENDED",
    "Check",
    "Checkpoints",
    "Conduct",
    "OnCheck",
    "ProcessGroup",
    "Trainable",
    "assign_folds",
    "initialise",
    "join",
    "select_device",
    "train",
]
