import numpy as np
import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.inference.predictions_table import predictions_table
from twinlens.records.dataset import DatasetRecord


def test_the_table_of_predictions(tmp_path, pack):
    table = pd.DataFrame(
        {"id": list("abcd"), "label": ["x", None, "y", "x"], "group": list("ggih"), "age": 1}
    ).astype({"label": "str"})
    record = DatasetRecord(classes=["x", "y"], size=16, hash="", images=4, skipped=0)
    dataset = Dataset(tmp_path, table, pack[:4], record)
    probabilities = np.array([[0.25, 0.75], [1.0, 0.0]], dtype=np.float32)
    found = predictions_table(dataset, np.array([3, 0]), "test", probabilities, ["x", "y"])
    assert found.to_dict("list") == {
        "id": ["d", "a"],
        "label": ["x", "x"],
        "group": ["h", "g"],
        "split": ["test", "test"],
        "p_x": [0.25, 1.0],
        "p_y": [0.75, 0.0],
    }
    both = predictions_table(dataset, np.array([3, 0]), ["val", "test"], probabilities, ["x", "y"])
    assert both["split"].tolist() == ["val", "test"]
