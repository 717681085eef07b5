"""What ``evaluation.json`` holds: how the scores and predictions beside it came about."""

from twinlens.records.base import Record
from twinlens.records.bundle import TestTimeAugmentation
from twinlens.records.run import Environment
from twinlens.requests.evaluate import EvaluateRequest

EVALUATION = "evaluation.json"


class EvaluationRecord(Record):
    """Evaluation of a model on a part of a data set.

    Attributes:
        request: What `evaluate` was asked for.
        data_hash: Hash of the data set.
        test_time: Test-time augmentation of each member of the model.
        environment: Machine and software.
    """

    request: EvaluateRequest
    data_hash: str
    test_time: list[TestTimeAugmentation]
    environment: Environment
