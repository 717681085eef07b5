"""What to label next: the methods, by name; docs/labelling.md compares them."""

from typing import TYPE_CHECKING

from twinlens.registry import Registry

if TYPE_CHECKING:
    from twinlens.suggesting.method import Method

METHODS: "Registry[Method]" = Registry(
    "method of suggesting",
    {
        "random": "twinlens.suggesting.methods.random_choice:METHOD",
        "typiclust": "twinlens.suggesting.methods.typiclust:METHOD",
        "uncertain_clusters": "twinlens.suggesting.methods.uncertain_clusters:METHOD",
    },
)
