"""The eight diagnoses of ISIC-2019: names, colours, and which of them are malignant."""

from collections.abc import Mapping

from twinlens.records.dataset import ClassInfo

ISIC_CLASSES: Mapping[str, ClassInfo] = {
    "AK": ClassInfo(title="actinic keratosis", colour="#e8873a", group="malignant"),
    "BCC": ClassInfo(title="basal cell carcinoma", colour="#3f6fb5", group="malignant"),
    "BKL": ClassInfo(title="benign keratosis", colour="#c2a14d", group="benign"),
    "DF": ClassInfo(title="dermatofibroma", colour="#8c9aa8", group="benign"),
    "MEL": ClassInfo(title="melanoma", colour="#2b2b3a", group="malignant"),
    "NV": ClassInfo(title="melanocytic nevus", colour="#8a5a33", group="benign"),
    "SCC": ClassInfo(title="squamous cell carcinoma", colour="#a96fb0", group="malignant"),
    "VASC": ClassInfo(title="vascular lesion", colour="#c22f45", group="benign"),
}
"""For each class its full title, a colour for figures, and its group. Actinic keratosis, a
precursor of squamous cell carcinoma, counts as malignant, as is usual for this data set."""

HAM10000_CLASSES: Mapping[str, ClassInfo] = {
    "AKIEC": ISIC_CLASSES["AK"].model_copy(
        update={"title": "actinic keratosis and intraepithelial carcinoma"}
    ),
    **{name: ISIC_CLASSES[name] for name in ("BCC", "BKL", "DF", "MEL", "NV", "VASC")},
}
"""The seven diagnoses of HAM10000 and of ISIC 2018's third task."""
