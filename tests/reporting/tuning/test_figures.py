import re

from html_page import drawing

from twinlens.reporting.tuning.figures import history_panel, setting_panels

MARK = re.compile(r"<title>trial (\d): ([\d.]+)</title>")


def test_every_trial_with_a_score_is_a_mark_with_its_value(results):
    expected = [("1", "0.480"), ("2", "0.550"), ("3", "0.300")]
    for panel in (history_panel(results), *setting_panels(results)):
        assert sorted(MARK.findall(drawing(panel))) == expected


def test_there_is_a_panel_for_each_setting_described_in_words(results):
    rate, balance = setting_panels(results)
    assert (rate.title, balance.title) == ("train.lr", "train.class_balance")
    assert balance.description.startswith("balanced accuracy by train.class_balance. loss: 0.480;")


def test_before_the_first_trial_there_is_nothing_to_draw(results):
    empty = results.model_copy(update={"trials": []})
    assert history_panel(empty) is None
    assert setting_panels(empty) == []
