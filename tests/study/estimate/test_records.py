import pytest
from synthetic import planned_training

from twinlens.requests.train import TrainRequest
from twinlens.study.estimate.records import Answer, Cost, TimingTask, TimingTasks

RUN = planned_training("a").model_copy(update={"request": TrainRequest("data", "out")})
TASK = TimingTask(run=RUN, label_fractions=[0.5, 1], batch_size=8, device="cpu")


@pytest.mark.parametrize(
    "record",
    [
        TimingTasks(tasks=[TASK], free=2**30, threads=1),
        Answer(cost=Cost(seconds=[1.5], memory=9)),
        Answer(error="No."),
    ],
    ids=["tasks", "cost", "error"],
)
def test_tasks_and_answers_pass_between_processes(record):
    text = record.model_dump_json()
    assert type(record).parse_text(text, "a pipe").model_dump_json() == text
