from matplotlib.figure import Figure

from twinlens.reporting.figures.lanes import lane_label, set_up_lanes


def test_a_long_label_is_cut_in_its_middle_and_leaves_room_for_the_remark() -> None:
    axes = Figure(figsize=(5, 2), dpi=72).add_subplot()
    set_up_lanes(axes, height=100)
    name = "an arm of a very long name, pretrained twice (transductive), 100 %"
    lane_label(axes, 0, name)
    lane_label(axes, 50, name, remark="p = 0.031")
    plain, short, remark = (text.get_text() for text in axes.texts)
    assert plain.startswith("an arm")
    assert plain.endswith("ce (transductive), 100 %")
    assert len(short) == len(plain) - len("p = 0.031 ")
    assert remark == "p = 0.031"
    assert axes.get_ylim() == (100, 0)
