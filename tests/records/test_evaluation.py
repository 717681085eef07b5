from twinlens.records.bundle import TestTimeAugmentation
from twinlens.records.evaluation import EvaluationRecord
from twinlens.records.run import Environment
from twinlens.requests.evaluate import EvaluateRequest
from twinlens.views.recipe import ViewRecipe

ENVIRONMENT = Environment(
    python="3.12", packages={"torch": "2.9"}, platform="Linux", processor="x86", cores=2,
    threads=1, device="cpu", processes=1, precision="fp32",
)  # fmt: skip


def test_it_is_read_as_it_was_written(tmp_path):
    record = EvaluationRecord(
        request=EvaluateRequest("model", "data", split="ten:test", tta=3),
        data_hash="d",
        test_time=[TestTimeAugmentation(views=3, clean=True, recipe=ViewRecipe(), seed=1)],
        environment=ENVIRONMENT,
    )
    record.write(tmp_path / "evaluation.json")
    assert EvaluationRecord.read(tmp_path / "evaluation.json") == record
