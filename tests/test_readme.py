import ast
import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

README = Path(__file__).parents[1] / "README.md"


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_examples_in_python_run(tmp_path, monkeypatch, capsys):
    main_job, plain_torch = _blocks("python")
    assert len(ast.parse(main_job).body) == 10
    (study,) = _blocks("yaml")
    content = yaml.safe_load(study) | {"seeds": 1, "data": "example/data", "split": "ten"}
    quick = {"epochs": 1, "batch_size": 32, "lr": 1e-3}
    content["pretrain"] = quick | {"projector": [16], "monitor_points": 1}
    content["train"] = quick | {"batch_size": 8}
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    Image.new("RGB", (40, 40), "pink").save("photo.jpg")
    for example in (main_job, plain_torch):
        exec(compile(example, "README", "exec"), {})
    out = capsys.readouterr().out
    assert "balanced accuracy" in out
    assert "p_MEL" in out
    assert "{'AK': 0." in out
    assert Path("example/study/report.html").stat().st_size > 10_000
