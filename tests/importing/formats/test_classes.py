from twinlens.importing.formats.classes import HAM10000_CLASSES, ISIC_CLASSES, MEDMNIST_CLASSES


def test_diagnoses_differ_in_title_and_colour_and_have_a_group():
    for classes in (ISIC_CLASSES, HAM10000_CLASSES):
        infos = classes.values()
        assert len({info.title for info in infos}) == len({info.colour for info in infos})
        assert len({info.title for info in infos}) == len(classes)
        assert {info.group for info in infos} == {"benign", "malignant"}
    assert len(ISIC_CLASSES) == 8
    assert set(HAM10000_CLASSES) - set(ISIC_CLASSES) == {"AKIEC"}


def test_every_set_of_medmnist_has_its_number_of_classes():
    assert {name: len(titles) for name, titles in MEDMNIST_CLASSES.items()} == {
        "pathmnist": 9, "dermamnist": 7, "octmnist": 4, "pneumoniamnist": 2, "retinamnist": 5,
        "breastmnist": 2, "bloodmnist": 8, "tissuemnist": 8, "organamnist": 11,
        "organcmnist": 11, "organsmnist": 11,
    }  # fmt: skip
