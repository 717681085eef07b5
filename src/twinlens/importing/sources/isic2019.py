"""ISIC 2019: dermatoscopic images of eight diagnoses, with the challenge's official tables.

A folder with ``ISIC_2019_Training_GroundTruth.csv``, ``ISIC_2019_Training_Metadata.csv`` and the
images anywhere below it. The tables of the challenge's test part may lie beside them.
"""

from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.importing.formats.isic_challenge import Challenge, find_truths, read_challenge
from twinlens.importing.source import Options, Source, SourceKind

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


def detect(source: str) -> bool:
    """Return whether this is a folder with ground truth of ISIC 2019."""
    return bool(find_truths(source, CHALLENGE))


def read(source: str, options: Options) -> Source:
    """Read ISIC 2019; a group is a lesion, ages are in years.

    Raises:
        UserError: The folder has no official tables, or one with an error.
    """
    return read_challenge(source, CHALLENGE, options)


SOURCE = SourceKind("ISIC 2019, with the challenge's official tables", detect, read)
