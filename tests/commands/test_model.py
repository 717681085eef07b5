import pandas as pd
import pytest
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.records.run import PretrainRun


@pytest.mark.slow
def test_the_main_job_step_by_step(command_line, tmp_path):
    data, pre, run = tmp_path / "data", tmp_path / "twins", tmp_path / "run"
    out = command_line("import", "phantom:200", "--out", data, "--size", 32)
    assert "200 images of 8 classes" in out
    out = command_line(
        "split", data, "--per-class", 6, "--val", 0.2, "--test", 0.3, "--name", "six"
    )
    assert "Split 'six'" in out
    quick = ["--set", "epochs=1", "--set", "batch_size=16", "--set", "lr=0.001"]
    out = command_line(
        "pretrain", data, "--out", pre, "--encoder", "resnet18_quarter", "--split", "six", *quick,
        "--set", "projector=[16]", "--set", "monitor_points=1", "--precision", "fp32",
    )  # fmt: skip
    for sentence in PretrainRun.read(pre / "run.json").verdict:
        assert sentence in out
    assert f"Report: {pre / 'report.html'}" in out
    assert (pre / "report.html").stat().st_size > 10_000
    out = command_line("train", data, "--out", run, "--pretrained", pre, "--split", "six", *quick)
    assert "test: accuracy" in out
    judged = tmp_path / "evaluation"
    out = command_line(
        "evaluate", run, data, "--split", "six:test", "--positive", "MEL", "--out", judged
    )
    assert "Balanced accuracy" in out
    assert "MEL" in out
    assert f"Report: {judged / 'report.html'}" in out
    assert (judged / "figures" / "binary_curves.svg").is_file()
    assert (judged / "tables" / "operating_points.csv").is_file()
    assert command_line("report", judged).strip() == f"Report: {judged / 'report.html'}"

    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(open_dataset(data).images[0]).save(photos / "one.png")
    (photos / "two.jpg").write_text("no image")
    table = tmp_path / "predictions.csv"
    command_line("predict", run / "model", photos, "--out", table, code=1)
    rows = pd.read_csv(table).set_index("file")
    good, bad = rows.loc[str(photos / "one.png")], rows.loc[str(photos / "two.jpg")]
    assert good.filter(like="p_").sum() == pytest.approx(1, abs=1e-5)
    assert good["predicted"] == good.filter(like="p_").astype(float).idxmax()[2:]
    assert pd.isna(bad["predicted"])
    assert bad["error"] == "not an image in a known format"

    pytest.importorskip("captum")
    out = command_line("explain", run / "model", data, photos / "one.png", "--split", "six",
                       "--out", tmp_path / "explained")  # fmt: skip
    assert f"one.png: {good['predicted']}" in out
    assert (tmp_path / "explained" / "explanation.html").is_file()


@pytest.mark.slow
def test_a_model_predicts_and_is_exported(command_line, small_model, draw, tmp_path):
    draw(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.png").touch()
    table, program = tmp_path / "table.jsonl", tmp_path / "model.pt2"
    out = command_line("predict", small_model, tmp_path / "photos", "--out", table, code=1)
    assert f"2 predictions in {table}, 1 without an image" in out
    assert pd.read_json(table, lines=True)["error"].fillna("").tolist() == ["", "empty file"]
    out = command_line("predict", small_model, tmp_path / "photos", code=1)
    assert "file,predicted,p_MEL,p_NV,p_BCC,set,error\n" in out
    listed, groups = tmp_path / "list.csv", tmp_path / "groups.csv"
    listed.write_text("file,lesion\nphotos/a.png,one\nphotos/a.png,one\n")
    grouped = ["--group", "lesion", "--by-group", groups]
    command_line("predict", small_model, listed, *grouped, "--out", tmp_path / "images.csv")
    assert pd.read_csv(groups)["images"].tolist() == [2]
    assert pd.read_csv(tmp_path / "images.csv")["group"].tolist() == ["one", "one"]
    out = command_line("predict", small_model, listed, "--by-group", groups, code=2)
    assert "--by-group goes with --group" in out
    out = command_line("export", small_model, "--out", program, "--format", "torch")
    assert "Largest difference of a probability from torch: " in out
    assert "Test-time augmentation is not exported" in out
    assert program.stat().st_size > 10_000
