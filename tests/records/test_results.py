from twinlens.records.results import ArmSummary, StudyResults

KEY = {"arm": "a", "label_fraction": 1.0, "metric": "accuracy"}
SUMMARY = ArmSummary(
    **KEY, n=2, mean=0.5, sd=0.1, low=0.4, high=0.6, note="", seeds=[0, 1], values=[0.4, 0.6]
)
RESULTS = StudyResults(
    title="", primary_metric="accuracy", min_effect=None, reference="a", seeds=[0, 1],
    label_fractions=[1.0], metrics=["accuracy"], arms=["a"], transductive=[], test_access=[],
    looks=[], failures=[], summaries=[SUMMARY], differences=[], label_efficiency=None, advice=[],
    best=None, verdict=[],
)  # fmt: skip


def test_rows_are_found_by_arm_label_fraction_and_metric():
    assert RESULTS.summary(*KEY.values()) == SUMMARY
    assert RESULTS.summary("b", 1.0, "accuracy") is None
    assert RESULTS.difference(*KEY.values()) is None
    assert SUMMARY.interval == (0.4, 0.6)
    assert SUMMARY.model_copy(update={"low": None}).interval is None


def test_a_frame_has_a_line_per_row_and_all_columns_without_any():
    assert RESULTS.frame("summaries")["mean"].tolist() == [0.5]
    assert {"p_holm", "sd_ratio_low"} <= set(RESULTS.frame("differences").columns)
