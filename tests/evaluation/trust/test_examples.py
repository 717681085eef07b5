import numpy as np

from twinlens.evaluation.trust.examples import COUNT, kinds_of


def test_examples_are_the_most_extreme_ones_one_of_each_group():
    labels = np.zeros(6, int)
    p = np.array([[0.9, 0.1], [0.1, 0.9], [0.05, 0.95], [0.4, 0.6], [0.45, 0.55], [0.8, 0.2]])
    groups = ["a", "b", "b", "c", "d", "e"]
    kinds = kinds_of(labels, p, groups, np.array([0.1, 0.9, 0.2, 0.3, 0.8, 0.7]))
    assert kinds["worst errors"] == [2, 3, 4]
    assert kinds["most confident errors"] == [2, 3, 4]
    assert kinds["most unlike the training images"] == [1, 4, 5, 3, 0]


def test_errors_differ_where_there_are_several_classes():
    labels = np.array([0, 0, 0])
    p = np.array([[0.3, 0.5, 0.2], [0.1, 0.4, 0.5], [0.2, 0.7, 0.1]])
    kinds = kinds_of(labels, p, ["a", "b", "c"])
    assert kinds == {"worst errors": [1, 2, 0], "most confident errors": [2, 0, 1]}


def test_a_rare_class_has_examples_too():
    labels = np.repeat([0, 1], [40, 5])
    p = np.where(labels == 0, 0.01, 0.4)  # of the label: the errors of the second class are small
    p = np.where(np.arange(2) == labels[:, None], p[:, None], 1 - p[:, None])
    worst = kinds_of(labels, p, [str(i) for i in range(45)])["worst errors"]
    assert worst == [*range(COUNT), 40, 41, 42]


def test_no_errors_and_many():
    right = np.tile([0.9, 0.1], (30, 1))
    groups = [str(i) for i in range(30)]
    assert kinds_of(np.zeros(30, int), right, groups)["worst errors"] == []
    assert len(kinds_of(np.ones(30, int), right, groups)["worst errors"]) == COUNT
