"""What is taken from a DICOM file's header, and what never is."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from twinlens.errors import UserError, require
from twinlens.importing.decode import ImageError
from twinlens.importing.formats.dicom_pixels import check_frames, reasons
from twinlens.importing.listing import SUFFIXES, holds_dicom

ATTRIBUTES = {
    "age": "PatientAge",
    "sex": "PatientSex",
    "site": "BodyPartExamined",
    "modality": "Modality",
}
"""All that is kept of a header beside label, group and split."""

_IDENTIFYING_VRS = ("PN", "DA", "DT", "TM", "UI")  # names, dates, times and unique ids
_TEXT_VRS = ("LO", "SH", "LT", "ST", "UT", "UC")
_IDENTIFYING = (
    "AccessionNumber", "StudyID", "AdmissionID", "ServiceEpisodeID", "RequestedProcedureID",
    "PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest",
    "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID", "PersonAddress",
    "PersonTelephoneNumbers", "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers",
    "CurrentPatientLocation", "PatientInstitutionResidence", "PatientState",
)  # fmt: skip
_YEARS = {"Y": 1, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_SEXES = {"M": "male", "F": "female"}


def find_tag(role: str, name: str) -> int:
    """Return the number of a tag that the user names.

    Args:
        role: The option that names it: ``label``, ``group`` or ``split``.
        name: A keyword such as ``SeriesDescription``, or a number such as ``(0008,103e)``.

    Raises:
        UserError: There is no such tag, it holds no text, or it must not become a label or split
            because it tells who the patient is.
    """
    known = require("pydicom.datadict", extra="dicom")
    digits = re.fullmatch(r"\(?([0-9a-fA-F]{4}),? ?([0-9a-fA-F]{4})\)?", name)
    tag = int(digits[1] + digits[2], 16) if digits else known.tag_for_keyword(name)
    if tag is None or not known.dictionary_has_tag(tag):
        close = get_close_matches(name, known.keyword_dict, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(
            f"'{name}' (--{role}) is neither a DICOM keyword, such as SeriesDescription, nor the "
            f"number of a public tag, such as (0008,103e).{hint}"
        )
    if known.dictionary_VR(tag).startswith(("SQ", "O", "UN")):
        raise UserError(f"The tag '{name}' (--{role}) holds no text: name another one.")
    refuse_identifying(role, known.keyword_for_tag(tag))
    return int(tag)


def refuse_identifying(role: str, keyword: str) -> None:
    """Refuse a label or split by what identifies a patient; groups become pseudonyms anyway.

    Raises:
        UserError: It would.
    """
    known = require("pydicom.datadict", extra="dicom")
    tag = known.tag_for_keyword(keyword)
    if role == "group" or tag is None:
        return
    vr = known.dictionary_VR(tag)
    about_patient = tag >> 16 == 0x0010 and vr in _TEXT_VRS
    if vr in _IDENTIFYING_VRS or about_patient or keyword in _IDENTIFYING:
        raise UserError(
            f"'{keyword}' (--{role}) can tell who a patient is and must not enter a data set: "
            "name another one."
        )


def read_header(path: Path, tags: Mapping[str, int | str]) -> dict[str, Any]:
    """Return the values of some tags, by role, and `ATTRIBUTES`; None where unknown.

    Raises:
        ImageError: The file is damaged, holds no image or more than one.
    """
    pydicom = require("pydicom", extra="dicom")
    try:
        with path.open("rb") as file, reasons():
            wanted = [*tags.values(), *ATTRIBUTES.values(), "SOPClassUID", "Rows", "NumberOfFrames"]
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=wanted)
            if not header.get("Rows"):
                raise ImageError(f"holds no pixels ({_sop_class(header)})")
            check_frames(header)
            facts = {role: _text(header, tag) for role, tag in tags.items()}
            kept = {name: _text(header, keyword) for name, keyword in ATTRIBUTES.items()}
            known = {"age": _years(kept["age"]), "sex": _SEXES.get(kept["sex"] or "")}
            return {**facts, **kept, **known}
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from error


def patient_groups(paths: Sequence[Path], ids: Sequence[str]) -> list[str]:
    """Return the group of each image: its patient's pseudonym if it is DICOM, or else its id."""

    def group(path: Path, id: str) -> str:
        if path.suffix.lower() in SUFFIXES or not holds_dicom(path):
            return id
        try:
            patient = read_header(path, {"patient": "PatientID"})["patient"]
        except ImageError:  # of which decoding tells
            return id
        return pseudonym(patient) if patient else id

    return [group(path, id) for path, id in zip(paths, ids, strict=True)]


def pseudonym(identity: str) -> str:
    """Return what stands for an id: always the same, but not the id itself."""
    return f"patient-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def _text(header: Any, tag: int | str) -> str | None:
    value = header[tag].value if tag in header else None
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return "\\".join(str(part).strip() for part in parts if part is not None) or None


def _years(age: str | None) -> float | None:
    parts = re.fullmatch(r"(\d{1,3})([YMWD])", age or "")
    return round(int(parts[1]) * _YEARS[parts[2]], 2) if parts else None


def _sop_class(header: Any) -> str:
    uid = header.get("SOPClassUID")
    return uid.name if uid else "no SOP class"
