"""A driver of one's own, with settings of every kind."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, FilePath, SecretStr, field_validator

from drivers import DriverSettings
from drivers.memory import MemoryDriver


class NotebookSettings(DriverSettings):
    """Settings of a driver that the project does not know."""

    pages: Annotated[int, Field(ge=1, le=500)] = 100
    """How many there are."""
    tags: tuple[str, ...] = ()
    owner: Annotated[str, Field(pattern="[a-z]+")] = "nobody"
    text: FilePath | None = None
    cover: Path | None = None
    password: Annotated[SecretStr, Field(min_length=1)] | None = None

    @field_validator("tags")
    @classmethod
    def _few(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        if len(tags) > 3:
            raise ValueError("expected at most three")
        return tags


class Notebook(MemoryDriver):
    """A memory driver with settings of its own."""

    Settings: ClassVar[type[DriverSettings]] = NotebookSettings
    settings: NotebookSettings
