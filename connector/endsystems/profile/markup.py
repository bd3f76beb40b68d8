"""XML and HTML: what is written in them as an entity, and what a path of elements leads to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

XML_TYPE = re.compile(r"(?:text|application)/(?:[\w.-]+\+)?xml\b", re.IGNORECASE)
HTML_TYPE = re.compile(r"text/html\b", re.IGNORECASE)
HTML_BEGINS = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
SEGMENT = re.compile(r"(\*|[^\W\d][\w.-]*)(?:\[([^\W\d][\w.-]*)=([^\[\]]+)\])?")
ATTRIBUTE = re.compile(r"@([^\W\d][\w.-]*)")


class NotXml(ValueError):
    """A text is not XML, or declares entities. The message tells which."""


def written(value: str, text: str, start: int, content_type: str) -> str:
    """Return what a piece of a text stands for, which begins at `start`: in XML and HTML, its entities are decoded."""
    begins_html = not content_type and HTML_BEGINS.match(text) is not None
    is_html = begins_html or HTML_TYPE.match(content_type) is not None
    is_xml = XML_TYPE.match(content_type) is not None or (not content_type and text.lstrip().startswith("<"))
    if not (is_html or is_xml) or _is_within(text, start, "<![CDATA[", "]]>"):
        return value
    if is_html and _is_in_script(text, start):
        return value
    return ENTITY.sub(lambda found: unescape(found[0]), value)


def _is_within(text: str, place: int, opening: str, closing: str) -> bool:
    return text.rfind(opening, 0, place) > text.rfind(closing, 0, place)


def _is_in_script(text: str, place: int) -> bool:
    lowered = text[:place].lower()
    tag = lowered.rfind("<script")
    return tag > lowered.rfind("</script") and ">" in lowered[tag:]


@dataclass(frozen=True, slots=True)
class ElementPath:
    """A path from the root to an element or an attribute. Namespaces do not count.

    `Envelope/Body/*/sessionId`, `//sessionId`, `//session/@id`, `//member[name=token]/value/string`
    """

    is_anywhere: bool
    """Whether the first element may stand anywhere (`//`)."""
    segments: tuple[tuple[str, str, str], ...]
    """Of each element its name, or `*`, and the name and the text of a child that it has to have."""
    attribute: str

    @classmethod
    def of(cls, text: str) -> "ElementPath":
        """Parse a path. Raises `ValueError`."""
        *elements, last = text.removeprefix("//").split("/")
        attribute = ATTRIBUTE.fullmatch(last)
        found = [SEGMENT.fullmatch(element) for element in (elements if attribute else [*elements, last])]
        segments = tuple((one[1], one[2] or "", one[3] or "") for one in found if one)
        if not segments or len(segments) < len(found):
            raise ValueError("expected names of elements joined by /, such as Envelope/Body/id, //id or //id/@name")
        return cls(text.startswith("//"), segments, attribute[1] if attribute else "")

    def value_in(self, text: str) -> str | None:
        """Return the text of the first element that it leads to, or its attribute. Raises `NotXml`.

        The time grows no faster than the text.
        """
        root = _parsed(text)
        first, *rest = self.segments
        reached = [element for element in (root.iter() if self.is_anywhere else [root]) if _fits(element, first)]
        for segment in rest:
            reached = [child for element in reached for child in element if _fits(child, segment)]
        if self.attribute:
            return next((element.attrib[self.attribute] for element in reached if self.attribute in element.attrib), None)
        return next(((element.text or "").strip() for element in reached), None)


def _fits(element: Element, segment: tuple[str, str, str]) -> bool:
    name, child, text = segment
    if name not in {"*", element.tag}:
        return False
    return not child or any(one.tag == child and (one.text or "").strip() == text for one in element)


def _parsed(text: str) -> Element:
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: builder.start(_local(name), dict(_locally(attributes)))
    parser.EndElementHandler = lambda name: builder.end(_local(name))
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = _refuse
    parser.SkippedEntityHandler = lambda name, _: builder.data(unescape(f"&{name};"))
    try:
        parser.Parse(text, True)  # noqa: FBT003 - it takes no keywords
        return builder.close()
    except expat.ExpatError:
        raise NotXml("the body is not XML") from None


def _refuse(*_: object) -> None:
    raise NotXml("the body declares entities of its own, which are never read")


def _locally(attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
    return ((_local(name), value) for name, value in attributes.items())


def _local(name: str) -> str:
    return name.rpartition(":")[2]
