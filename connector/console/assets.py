"""Templates and static files, read at the start: a server that runs opens no file for a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    content: bytes = field(repr=False)
    content_type: str
    digest: str
    """Stands in its URL, so that a browser asks again when it has changed."""


def templates() -> Mapping[str, str]:
    """Return the texts of all templates by their names."""
    return {path.name: path.read_text("utf-8") for path in sorted(TEMPLATES.glob("*.html"))}


def static_files() -> Mapping[str, Asset]:
    """Return what a browser may ask for, by its name."""
    return {path.name: _asset(path) for path in sorted(STATIC.iterdir()) if path.suffix in TYPES}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, TYPES[path.suffix], sha256(content).hexdigest()[:16])
