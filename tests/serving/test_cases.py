import pytest

from twinlens.data.dataset import open_dataset
from twinlens.errors import UserError
from twinlens.serving.cases import Cases
from twinlens.serving.pictures import case_picture


def test_cases_are_shown_by_id(phantoms, client, image):
    data = open_dataset(phantoms)
    cases = Cases(phantoms)
    name = data.table["id"][3]
    assert cases.picture(name) == case_picture(data.images[3])
    assert cases.picture("case 1") is None


def test_an_answer_shows_the_pictures_of_its_cases(phantoms, client, image):
    cases = Cases(phantoms)
    cases._rows["case 1"] = 0
    answer = client(cases=cases).post("/predict?nearest=2", files={"images": image()}).json()
    first, second = answer["answers"][0]["nearest"]
    assert first["picture"] is None
    assert second["picture"] == case_picture(open_dataset(phantoms).images[0])


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a data set"):
        Cases(tmp_path)
