import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

CASES = [
    ([0, 1, 2, 3], [0, 1, 2, 3]),
    ([0, 1, 3], [0, 1, 3]),  # class 2 is absent
    ([0, 1, 3], [0, 1, 2, 3]),  # ... but predicted
    ([0, 1, 2, 3], [0, 1]),  # two classes are never predicted
    ([1], [1]),
    ([1], [0, 2]),
]


@pytest.fixture(params=CASES, ids=str)
def predictions(request):
    """Labels, predicted classes, and their confusion matrix."""
    true, guessed = request.param
    random = np.random.default_rng(0)
    labels, predicted = random.choice(true, 200), random.choice(guessed, 200)
    return labels, predicted, confusion_matrix(labels, predicted, labels=range(4))
