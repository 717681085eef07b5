"""ISIC 2019: dermatoscopic images of eight diagnoses, with the challenge's official tables.

A folder with ``ISIC_2019_Training_GroundTruth.csv``, ``ISIC_2019_Training_Metadata.csv`` and the
images anywhere below it. The tables of the challenge's test part may lie beside them.
"""

from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.importing.formats.isic_challenge import Challenge, challenge_source

CHALLENGE = Challenge(
    prefix="ISIC_2019",
    parts=("Training", "Test"),
    facts="Metadata",
    columns={
        "group": "lesion_id",
        "age": "age_approx",
        "sex": "sex",
        "site": "anatom_site_general",
    },
    classes=ISIC_CLASSES,
)

SOURCE = challenge_source("ISIC 2019, with the challenge's official tables", CHALLENGE)
