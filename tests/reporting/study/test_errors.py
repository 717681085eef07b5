import pandas as pd

from twinlens.reporting.study.errors import confident_errors, content
from twinlens.reporting.study.load_study import read_study


def test_the_most_confident_errors_on_validation_images_come_first():
    predictions = pd.DataFrame(
        {
            "id": ["a", "b", "c", "d", "e"],
            "label": ["X", "Y", "X", "Y", "X"],
            "split": ["val", "val", "val", "val", "test"],
            "p_X": [0.4, 0.9, 0.8, 0.3, 0.1],
            "p_Y": [0.6, 0.1, 0.2, 0.7, 0.9],
        }
    )
    errors = confident_errors(predictions)
    assert errors["id"].tolist() == ["b", "a"]  # c and d are right, e is no validation image
    assert errors.iloc[0].to_dict() == {
        "id": "b", "label": "Y", "predicted": "X", "confidence": 0.9, "of_label": 0.1,
    }  # fmt: skip


def test_without_a_selected_model_or_the_data_set_the_section_says_why(tmp_path, build_study):
    study = read_study(build_study(tmp_path / "study", seeds=2))
    assert content(study)["gallery"] is None
    assert content(study)["reason"]
