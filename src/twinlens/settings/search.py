"""What a search of settings may try: ranges and choices, by the setting's place in a study file."""

from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    PositiveFloat,
    RootModel,
    Tag,
    field_validator,
    model_validator,
)

from twinlens.config import Config

Value = bool | int | float | str | None
"""A value of a setting that a search can try."""

Values = dict[str, Value]
"""Values by setting, such as ``train.lr``."""


class Range(Config):
    """All values between two ends.

    Attributes:
        low: The smallest value.
        high: The largest value.
        log: Whether values are drawn on a logarithmic scale.
        step: Distance of the values, from `low` on; null for any value between.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: PositiveFloat | None = None

    @model_validator(mode="after")
    def _has_values(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be less than high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range must begin above 0, not at {self.low:g}")
        if self.log and self.step:
            raise ValueError("a logarithmic range has no step: leave out one of the two")
        return self


class Choices(RootModel[tuple[Value, ...]]):
    """Some values: a list of two or more."""

    model_config = ConfigDict(frozen=True)

    root: tuple[Value, ...] = Field(min_length=2)

    @field_validator("root")
    @classmethod
    def _distinct(cls, values: tuple[Value, ...]) -> tuple[Value, ...]:
        if len({(type(value), value) for value in values}) < len(values):
            raise ValueError("no value may come twice")
        return values


def _kind(content: Any) -> str:
    return "[choices]" if isinstance(content, list | tuple | Choices) else "[range]"


Candidates = Annotated[
    Annotated[Range, Tag("[range]")] | Annotated[Choices, Tag("[choices]")], Discriminator(_kind)
]
"""What a search may try for one setting."""

SearchSpace = dict[str, Candidates]
"""What a search may try, by setting."""
