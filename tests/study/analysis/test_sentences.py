import pytest

from twinlens.study.analysis.sentences import _sentences, sentence, sentences


def test_values_are_filled_in():
    first, second = sentences("verdict", "no_reference", reference="plain")
    assert "'plain'" in first
    assert sentence("verdict", "no_reference", reference="plain") == f"{first} {second}"


def test_a_sentence_that_there_is_not_is_an_error():
    with pytest.raises(KeyError):
        sentence(next(iter(_sentences())), "none")
