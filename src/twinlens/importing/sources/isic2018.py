"""ISIC 2018, task 3: dermatoscopic images of seven diagnoses, with the official tables.

A folder with ``ISIC2018_Task3_Training_GroundTruth.csv``, in a folder of its own or not, and the
images anywhere below it. ``ISIC2018_Task3_Training_LesionGroupings.csv`` tells the lesions; the
parts Validation and Test may lie beside Training.
"""

from twinlens.importing.formats.classes import HAM10000_CLASSES
from twinlens.importing.formats.isic_challenge import Challenge, challenge_source

CHALLENGE = Challenge(
    prefix="ISIC2018_Task3",
    parts=("Training", "Validation", "Test"),
    facts="LesionGroupings",
    columns={"group": "lesion_id", "diagnosis_confirm_type": "diagnosis_confirm_type"},
    classes=HAM10000_CLASSES,
)

SOURCE = challenge_source("ISIC 2018, task 3, with the official tables", CHALLENGE)
