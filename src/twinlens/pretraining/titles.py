"""What a report must know of pretrainings; apart from them, so that it need not load torch."""

TITLES = {
    "barlow_twins": ("Barlow Twins", "Zbontar et al. 2021, arXiv 2103.03230"),
    "byol": ("BYOL", "Grill et al. 2020, arXiv 2006.07733"),
    "simclr": ("SimCLR", "Chen et al. 2020, arXiv 2002.05709"),
    "vicreg": ("VICReg", "Bardes, Ponce and LeCun 2022, arXiv 2105.04906"),
}
"""The name that a method's authors write, and where they describe it."""

SEEN = {
    "all": "training, unlabelled, validation and test",
    "train": "training",
    "unlabelled": "training and unlabelled",
}
"""The images that a pretraining sees, by name in `IMAGES`."""

ENCODER = "encoder.safetensors"
"""The file of a pretrained encoder."""
