from twinlens.docstrings import describe_attributes


class Base:
    """A base.

    Attributes:
        a: Of the base.
        b: Of the base,
            in two lines.
    """


class Derived(Base):
    """Derived.

    Attributes:
        b: Of the derived class: it has a colon.
        c: The last one.

    More text: which is no attribute.
    """


def test_descriptions_of_a_class_and_its_bases():
    assert describe_attributes(Derived) == {
        "a": "Of the base.",
        "b": "Of the derived class: it has a colon.",
        "c": "The last one.",
    }
    assert describe_attributes(Base)["b"] == "Of the base, in two lines."


def test_a_class_without_descriptions_has_none():
    assert describe_attributes(type("Plain", (), {})) == {}
