import pytest

from stored_runs import pretrain_run, train_run
from twinlens.errors import UserError
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.records.run import RUN, StoredPretraining, read_run


@pytest.mark.parametrize("run", [pretrain_run(), train_run()], ids=lambda run: run.kind)
def test_each_kind_of_run_is_read_as_it_was_written(tmp_path, run):
    run.write(tmp_path / RUN)
    assert read_run(tmp_path) == run


@pytest.mark.parametrize("method", METHODS)
def test_settings_of_a_method_are_kept_although_the_record_does_not_know_it(method):
    settings = configure("recommended", {"method": method}, where="here")
    stored = StoredPretraining.of(settings)
    own = set(METHODS[method].reported)
    assert own <= set(stored.model_extra or {})
    assert configure("recommended", stored.model_dump(by_alias=True), where="here") == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is not a finished run: it holds no run.json"),
        ('{"kind": "bake"}', "run.json is damaged.*'kind'"),
        ('{"kind": "train"}', "run.json is damaged.*'request'"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / RUN).write_text(text)
    with pytest.raises(UserError, match=message):
        read_run(tmp_path)
