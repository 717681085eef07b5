"""The base of all records: read from a JSON file or refused in one sentence, written whole."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from twinlens.errors import UserError
from twinlens.files import read_json, write_text

if TYPE_CHECKING:
    import pandas as pd


class Record(BaseModel):
    """Base of every record. Values do not change, and unknown fields are errors.

    Fields that are not finite numbers are stored as null where a field allows None, and refused
    otherwise, so that the files are JSON for every reader.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record from its file.

        Raises:
            UserError: The file is missing, is not JSON, or does not hold such a record.
        """
        return cls._checked(cls.model_validate, read_json(path), str(path))

    @classmethod
    def parse_text(cls, text: str, where: str) -> Self:
        """Read a record from JSON; `where` it comes from is for the error.

        Raises:
            UserError: The text does not hold such a record.
        """
        return cls._checked(cls.model_validate_json, text, where)

    @classmethod
    def _checked(cls, validate: Callable[[Any], Self], content: Any, where: str) -> Self:
        try:
            return validate(content)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"])) or "its content"
            raise UserError(
                f"{where} is damaged, or written by another version of Twinlens: '{place}' "
                f"({problem['msg'].lower()}). Make it again with the command that made it."
            ) from error

    @classmethod
    def from_frame(cls, table: "pd.DataFrame") -> list[Self]:
        """Return one record per row of a table; missing values become None."""
        values = table.astype(object).where(table.notna(), None)
        return [cls.model_validate(row) for row in values.to_dict("records")]

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        write_text(path, self.model_dump_json(by_alias=True, indent=2) + "\n")
