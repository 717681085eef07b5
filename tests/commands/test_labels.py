import pandas as pd
import pytest
import torch

from twinlens.data.dataset import open_dataset
from twinlens.labelling.answers import Answers
from twinlens.models.encoders import build_encoder


@pytest.mark.slow
def test_the_round_from_suggesting_to_training(command_line, draw, tmp_path):
    for number in range(24):
        draw(tmp_path / f"photos/{number}.png", number, (32, 32))
    known = ["NV", "MEL"] * 4
    table = pd.DataFrame(
        {"image": [f"photos/{n}.png" for n in range(24)], "label": [*known, *[None] * 16]}
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    data, labels = tmp_path / "data", tmp_path / "labels.sqlite"
    command_line("import", tmp_path / "table.csv", "--out", data, "--size", 32)
    command_line("split", data, "--val", 0.25, "--test", 0.25, "--name", "first")
    weights = tmp_path / "weights.pth"
    torch.save(build_encoder("resnet18_quarter", seed=0).state_dict(), weights)
    suggestions = tmp_path / "suggestions.csv"
    out = command_line(
        "suggest",
        "resnet18_quarter",
        data,
        "--weights",
        weights,
        "--count",
        6,
        "--out",
        suggestions,
    )
    assert f"6 images to label in {suggestions}" in out
    ids = pd.read_csv(suggestions)["id"].tolist()
    answers = Answers(labels, open_dataset(data))
    answers.give({image: ("NV", "MEL", None)[n % 3] for n, image in enumerate(ids)})
    answers.close()
    words = [suggestions, data, "--out", labels, "--export", tmp_path / "labels.csv"]
    out = command_line("label", *words)
    assert "4 of 6 labelled, 2 'cannot tell'" in out
    command = out.partition("Next, to add the labels to the data set: twinlens ")[2].split()
    assert "added 0 images and 4 labels" in command_line(*command)
    command_line("split", data, "--extend", "first")
    settings = [f"--set={text}" for text in ("epochs=1", "batch_size=4", "lr=0.001")]
    run = tmp_path / "run"
    command_line(
        "train",
        data,
        "--encoder",
        "resnet18_quarter",
        "--split",
        "first-2",
        "--out",
        run,
        *settings,
    )
    out = command_line("suggest", run, data, "--count", 50, "--out", tmp_path / "second.csv")
    assert "Only 12 groups have no label: all of them are suggested." in out
    second = pd.read_csv(tmp_path / "second.csv")
    assert second["predicted"].isin(["NV", "MEL"]).all()
    assert not set(second["id"]) & set(ids[0::3] + ids[1::3])
    assert "exists already" in command_line("label", *words, code=2)
