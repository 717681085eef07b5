from twinlens.requests.explain import ExplainRequest


def test_the_command_line_asks_for_the_same():
    request = ExplainRequest("run/model", "data", ("a.png", "b.png"), "out", split="ten")
    assert request.command_line() == (
        "twinlens explain run/model data a.png b.png --out out --split ten"
    )
