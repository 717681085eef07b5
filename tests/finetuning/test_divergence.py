import pandas as pd
import pytest

from twinlens.finetuning.divergence import loss_rose


def _history(losses, head=(9.0, 9.0)):
    phases = ["head"] * len(head) + ["one_cycle"] * len(losses)
    return pd.DataFrame({"phase": phases, "loss": [*head, *losses]})


@pytest.mark.parametrize(
    ("losses", "epochs", "rose"),
    [
        ([1.0, 1.2, 3.0, 0.9, 1.0], 2, False),
        ([1.0, 1.0, 0.1, 0.1, 1.2, 1.1], 3, True),
        ([1.0, 1.0], 2, True),
        ([1.0, 2.0, 3.0], 1, False),  # of one epoch nothing can be said
        ([], 2, False),
    ],
)
def test_the_last_epoch_is_compared_with_the_first(losses, epochs, rose):
    assert loss_rose(_history(losses), epochs) is rose


def test_a_probe_has_no_loss():
    assert not loss_rose(pd.DataFrame(), 5)
