from twinlens.requests.compare import CompareRequest


def test_its_command_repeats_the_changes_and_not_the_workers():
    request = CompareRequest("s.yaml", "o", settings=("seeds=2", "train.epochs=1"), workers=4)
    changes = "--set seeds=2 --set train.epochs=1"
    assert request.command_line() == f"twinlens compare s.yaml --out o {changes}"
