"""Whether a fine-tuning has learned nothing, as with too high a learning rate."""

import pandas as pd


def loss_rose(history: pd.DataFrame, epochs: int) -> bool:
    """Return whether the loss of the last epoch is no lower than that of the first.

    Args:
        history: A row for each training step, with its phase and loss; see `phases.fit`.
        epochs: Epochs of the one-cycle phase; of a single one nothing can be said.
    """
    if epochs < 2 or "phase" not in history:
        return False
    losses = history.loc[history["phase"] == "one_cycle", "loss"]
    steps = len(losses) // epochs
    return bool(losses.tail(steps).mean() >= losses.head(steps).mean())
