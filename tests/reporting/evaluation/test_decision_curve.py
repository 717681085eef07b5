from html_page import drawing

from twinlens.records.evaluation import Estimate, NetBenefit
from twinlens.reporting.evaluation.decision_curve import decision_curve


def test_it_draws_what_is_known():
    row = [
        NetBenefit(threshold=0.1, model=Estimate(value=0.2, low=0.1, high=0.3), treat_all=0.15),
        NetBenefit(threshold=0.2, model=Estimate(value=0.1, note="one group"), treat_all=0.0),
        NetBenefit(threshold=0.3, model=Estimate(value=None, note="undefined"), treat_all=-0.1),
    ]
    drawn = drawing(decision_curve([("derm", row)]))
    assert "derm 0.200 at 10 %, derm 0.100 at 20 %, derm – at 30 %" in drawn
    assert "derm, acting always" in drawn
    nothing = [NetBenefit(threshold=0.1, model=Estimate(value=None), treat_all=-0.1)]
    assert "derm – at 10 %" in drawing(decision_curve([("derm", nothing)]))
