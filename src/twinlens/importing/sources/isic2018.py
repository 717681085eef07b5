"""ISIC 2018, task 3: dermatoscopic images of seven diagnoses, with the official tables.

A folder with ``ISIC2018_Task3_Training_GroundTruth.csv``, in a folder of its own or not, and the
images anywhere below it. ``ISIC2018_Task3_Training_LesionGroupings.csv`` tells the lesions; the
parts Validation and Test may lie beside Training.
"""

from twinlens.importing.formats.classes import HAM10000_CLASSES
from twinlens.importing.formats.isic_challenge import Challenge, find_truths, read_challenge
from twinlens.importing.source import Options, Source, SourceKind

CHALLENGE = Challenge(
    prefix="ISIC2018_Task3",
    parts=("Training", "Validation", "Test"),
    facts="LesionGroupings",
    columns={"group": "lesion_id", "diagnosis_confirm_type": "diagnosis_confirm_type"},
    classes=HAM10000_CLASSES,
)


def detect(source: str) -> bool:
    """Return whether this is a folder with ground truth of ISIC 2018, task 3."""
    return bool(find_truths(source, CHALLENGE))


def read(source: str, options: Options) -> Source:
    """Read ISIC 2018, task 3; a group is a lesion.

    Raises:
        UserError: The folder has no official tables, or one with an error.
    """
    return read_challenge(source, CHALLENGE, options)


SOURCE = SourceKind("ISIC 2018, task 3, with the official tables", detect, read)
