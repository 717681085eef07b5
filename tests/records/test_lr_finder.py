from twinlens.records.lr_finder import LRFinderResult


def test_a_result_is_read_as_it_was_written(tmp_path):
    result = LRFinderResult(
        suggestion=1e-3, how="valley", message="Found.", lrs=(1e-4, 1e-3), losses=(2.0, 1.0)
    )
    result.write(tmp_path / "lr_finder.json")
    assert LRFinderResult.read(tmp_path / "lr_finder.json") == result
