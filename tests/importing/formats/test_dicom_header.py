import numpy as np
import pytest

from twinlens.errors import UserError
from twinlens.importing.decode import ImageError
from twinlens.importing.formats.dicom_header import find_tag, pseudonym, read_header

pytest.importorskip("pydicom")


@pytest.fixture
def header(tmp_path, as_dicom):
    """A function that returns the label and the attributes of a file with some elements."""

    def of(tag="SeriesDescription", **elements):
        path = tmp_path / "a.dcm"
        path.write_bytes(as_dicom(np.zeros((16, 20), np.uint8), **elements))
        return read_header(path, {"label": tag})

    return of


def test_a_pseudonym_is_the_beginning_of_the_sha256():
    assert pseudonym("abc") == "patient-ba7816bf8f01"


@pytest.mark.parametrize("name", ["SeriesDescription", "(0008,103e)", "0008,103E", "0008103e"])
def test_a_tag_by_keyword_or_number(name):
    assert find_tag("label", name) == 0x0008103E


@pytest.mark.parametrize("name", ["PatientSex", "PatientAge", "Modality"])
@pytest.mark.parametrize("role", ["label", "split"])
def test_tags_that_do_not_identify_may_be_labels(role, name):
    find_tag(role, name)


@pytest.mark.parametrize(
    "name",
    [
        "PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyInstanceUID",
        "OtherPatientIDs", "StudyDate", "(0010,0010)", "PatientComments", "ReferringPhysicianName",
    ],
)  # fmt: skip
@pytest.mark.parametrize("role", ["label", "split"])
def test_identifying_tags_are_refused(name, role):
    with pytest.raises(UserError, match=rf"\(--{role}\) can tell who a patient is"):
        find_tag(role, name)
    assert find_tag("group", name)


@pytest.mark.parametrize(
    ("role", "name", "sentence"),
    [
        ("label", "SeriesDescripton", r"'SeriesDescripton' \(--label\).*'SeriesDescription'\?"),
        ("group", "(0009,1001)", r"'\(0009,1001\)' \(--group\) is neither a DICOM keyword"),
        ("label", "VOILUTSequence", r"'VOILUTSequence' \(--label\) holds no text"),
    ],
)
def test_unknown_tags_and_those_without_text_are_refused(role, name, sentence):
    with pytest.raises(UserError, match=sentence):
        find_tag(role, name)


@pytest.mark.parametrize(
    ("age", "years"),
    [("090Y", 90), ("018M", 1.5), ("052W", 1), ("001D", 0), ("", None), ("X", None)],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR AS")
def test_ages_are_in_years(header, age, years):
    assert header(PatientAge=age)["age"] == pytest.approx(years, abs=0.01)


def test_several_values_become_one_text(header):
    values = header("ImageType", ImageType=["ORIGINAL", "PRIMARY"], PatientSex="F")
    assert values["label"] == "ORIGINAL\\PRIMARY"
    assert values["sex"] == "female"
    assert values["site"] is None


def test_a_file_of_several_frames_holds_no_single_image(header):
    with pytest.raises(ImageError, match="30 frames"):
        header(NumberOfFrames=30)
