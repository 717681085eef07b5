from twinlens.records.scores import ClassScores, PartScores, Scores

TEST = PartScores(
    n=2,
    metrics={"accuracy": 0.5},
    per_class={"a": ClassScores(precision=0.5, recall=1.0, f1=2 / 3, support=1)},
    confusion=[[1, 0], [1, 0]],
)


def test_scores_are_read_as_they_were_written(tmp_path):
    scores = Scores(parts={"test": TEST})
    scores.write(tmp_path / "metrics.json")
    assert Scores.read(tmp_path / "metrics.json") == scores
    assert scores.test == TEST
    assert scores.val is None
