"""The one training loop: an autoencoder learns to return clean rows, from the rows themselves or from noisy ones.

loop         `train`, and what surrounds it
learner      what training carries from one step to the next
judge        the early-stopping loss, and the best weights by it
rows         which rows a step sees, and with which noise
checkpoints  a training put down, to be taken up again by the next run
group         several processes that train one network together
"""

from anomaly_ae.training.checkpoints import Checkpoints
from anomaly_ae.training.judge import Check
from anomaly_ae.training.learner import Trainable
from anomaly_ae.training.loop import UNATTENDED, Conduct, OnCheck, select_device, train
from anomaly_ae.training.process_group import ALONE, ProcessGroup, join
from anomaly_ae.training.rows import NoiseRange, assign_folds

__all__ = [
    "ALONE",
    "UNATTENDED",
    "Check",
    "Checkpoints",
    "Conduct",
    "NoiseRange",
    "OnCheck",
    "ProcessGroup",
    "Trainable",
    "assign_folds",
    "join",
    "select_device",
    "train",
]
