"""What the methods are called; apart from them, so that a report need not load torch."""

TITLES = {
    "barlow_twins": ("Barlow Twins", "Zbontar et al. 2021, arXiv 2103.03230"),
    "byol": ("BYOL", "Grill et al. 2020, arXiv 2006.07733"),
    "simclr": ("SimCLR", "Chen et al. 2020, arXiv 2002.05709"),
    "vicreg": ("VICReg", "Bardes, Ponce and LeCun 2022, arXiv 2105.04906"),
}
"""The name that a method's authors write, and where they describe it."""
