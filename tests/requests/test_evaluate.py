from twinlens.requests.evaluate import EvaluateRequest


def test_its_command_names_the_part_of_the_split():
    request = EvaluateRequest("run/model", "data", split="ten:test", tta=3, overwrite=True)
    assert request.command_line() == "twinlens evaluate run/model data --split ten:test --tta 3"
