"""The table of self-supervised methods, one file each."""

from typing import TYPE_CHECKING

from twinlens.registry import Registry

if TYPE_CHECKING:
    from twinlens.pretraining.method import Method

METHODS: "Registry[Method]" = Registry(
    "method",
    {
        "barlow_twins": "twinlens.pretraining.methods.barlow_twins:METHOD",
        "byol": "twinlens.pretraining.methods.byol:METHOD",
        "diet": "twinlens.pretraining.methods.diet:METHOD",
        "dino": "twinlens.pretraining.methods.dino:METHOD",
        "lejepa": "twinlens.pretraining.methods.lejepa:METHOD",
        "mae": "twinlens.pretraining.methods.mae:METHOD",
        "simclr": "twinlens.pretraining.methods.simclr:METHOD",
        "vicreg": "twinlens.pretraining.methods.vicreg:METHOD",
    },
    group="twinlens.methods",
)
