"""Word documents of headings, paragraphs and tables, the same bytes whenever they are written."""

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_WIDTH, _HEIGHT, _MARGIN = 16838, 11906, 1134  # A4 across, in twentieths of a point
_INSIDE = _WIDTH - 2 * _MARGIN


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3; level 0 is the document's title."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class WordTable:
    """A table whose header is repeated on every page.

    Parameters
    ----------
    caption
        Stands above it.
    header
        Names of the columns.
    rows
        Texts; a line break inside a cell is kept.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | WordTable


def word_document(blocks: Iterable[Block], *, title: str) -> bytes:
    """Return a .docx of A4 pages across.

    Parameters
    ----------
    blocks
        From top to bottom.
    title
        In the properties of the document.

    Examples
    --------
    >>> table = WordTable("Cells per µL", ("day", "NK"), (("7", "120"),))
    >>> zipfile.ZipFile(io.BytesIO(word_document([table], title="Trial"))).namelist()[-1]
    'word/document.xml'
    """
    body = "".join(_block(block) for block in blocks)
    page = (
        f'<w:sectPr><w:pgSz w:w="{_WIDTH}" w:h="{_HEIGHT}" w:orient="landscape"/>'
        f'<w:pgMar w:top="{_MARGIN}" w:right="{_MARGIN}" w:bottom="{_MARGIN}" w:left="{_MARGIN}" '
        'w:header="567" w:footer="567" w:gutter="0"/></w:sectPr>'
    )
    document = f'<w:document xmlns:w="{_MAIN}"><w:body>{body}{page}</w:body></w:document>'
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in _parts(title).items():
            package.writestr(_entry(name), _HEAD + content)
        package.writestr(_entry("word/document.xml"), _HEAD + document)
    return stream.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    """Return an entry that knows neither the day nor the machine."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0
    return entry


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return _line(block.text, style=f"Heading{block.level}" if block.level else "Title")
    if isinstance(block, Paragraph):
        return _line(block.text)
    return _line(block.caption, style="Caption") + _table(block) + _line("")


def _line(text: str, *, style: str = "") -> str:
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    lines = "<w:br/>".join(
        f'<w:t xml:space="preserve">{_plain(line)}</w:t>' for line in text.split("\n")
    )
    return f"<w:p>{look}<w:r>{lines}</w:r></w:p>"


def _plain(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return escape("".join(c for c in text if c == "\t" or (c >= " " and c not in "\ufffe\uffff")))


def _table(table: WordTable) -> str:
    widths = _widths(table)
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    properties = (
        '<w:tblPr><w:tblStyle w:val="Plain"/><w:tblW w:w="5000" w:type="pct"/>'
        '<w:tblLook w:val="0020" w:firstRow="1"/></w:tblPr>'
    )
    rows = [_row(table.header, widths, style="Head", first=True)]
    rows += [_row(row, widths, style="Cell") for row in table.rows]
    return f"<w:tbl>{properties}<w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>"


def _row(cells: Iterable[str], widths: list[int], *, style: str, first: bool = False) -> str:
    repeated = "<w:tblHeader/>" if first else ""
    told = "".join(
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>{_line(cell, style=style)}'
        "</w:tc>"
        for cell, width in zip(cells, widths, strict=True)
    )
    return f"<w:tr><w:trPr><w:cantSplit/>{repeated}</w:trPr>{told}</w:tr>"


def _widths(table: WordTable) -> list[int]:
    """Return the widths of the columns: by their longest line, neither too narrow nor greedy."""
    longest = [
        min(60, max(6, *(len(line) for cell in column for line in cell.split("\n"))))
        for column in zip(table.header, *table.rows, strict=True)
    ]
    return [_INSIDE * length // sum(longest) for length in longest]


def _parts(title: str) -> dict[str, str]:
    """Return every part of the package but the text itself."""
    kinds = {
        "/word/document.xml": "officedocument.wordprocessingml.document.main",
        "/word/styles.xml": "officedocument.wordprocessingml.styles",
        "/docProps/core.xml": "package.core-properties",
    }
    types = "".join(
        f'<Override PartName="{name}" ContentType="application/vnd.openxmlformats-{kind}+xml"/>'
        for name, kind in kinds.items()
    )
    relations = {
        "": (
            (f"{_OFFICE}/officeDocument", "word/document.xml"),
            (f"{_PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml"),
        ),
        "word/": ((f"{_OFFICE}/styles", "styles.xml"),),
    }
    names = {"": "_rels/.rels", "word/": "word/_rels/document.xml.rels"}
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>',
        **{names[place]: _relations(found) for place, found in relations.items()},
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{_plain(title)}</dc:title><dc:language>en</dc:language></cp:coreProperties>",
        "word/styles.xml": _styles(),
    }


def _relations(found: Iterable[tuple[str, str]]) -> str:
    told = "".join(
        f'<Relationship Id="rId{number}" Type="{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(found, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{told}</Relationships>'


def _styles() -> str:
    """Return the styles: type sizes in half points, spaces in twentieths of a point."""
    looks = (
        ("Title", 36, "<w:b/>", 0, 120, ""),
        *((f"Heading{n}", size, "<w:b/>", 280, 80, "<w:keepNext/>") for n, size in _SIZES),
        ("Caption", 18, "<w:i/>", 120, 60, "<w:keepNext/>"),
        ("Head", 15, "<w:b/>", 20, 20, ""),
        ("Cell", 15, "", 10, 10, ""),
    )
    named = "".join(_style(*look) for look in looks)
    lines = "".join(
        f'<w:{side} w:val="single" w:sz="4" w:color="A0A0A0"/>'
        for side in ("top", "bottom", "insideH")
    )
    return (
        f'<w:styles xmlns:w="{_MAIN}"><w:docDefaults><w:rPrDefault><w:rPr>'
        '<w:rFonts w:ascii="Arial" w:hAnsi="Arial" w:cs="Arial"/><w:sz w:val="20"/>'
        '<w:lang w:val="en-GB"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr>'
        '<w:spacing w:after="120"/></w:pPr></w:pPrDefault></w:docDefaults>'
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
        f'</w:style>{named}<w:style w:type="table" w:styleId="Plain"><w:name w:val="Plain"/>'
        f"<w:tblPr><w:tblBorders>{lines}</w:tblBorders></w:tblPr></w:style></w:styles>"
    )


_SIZES = ((1, 28), (2, 24), (3, 21))
_OUTLINE = {f"Heading{level}": level - 1 for level, _ in _SIZES}
_KNOWN = {"Title": "Title", "Caption": "caption"} | {
    name: f"heading {level + 1}" for name, level in _OUTLINE.items()
}


def _style(name: str, size: int, weight: str, before: int, after: int, keep: str) -> str:
    outline = f'<w:outlineLvl w:val="{_OUTLINE[name]}"/>' if name in _OUTLINE else ""
    return (
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{_KNOWN.get(name, name)}"/>'
        f'<w:basedOn w:val="Normal"/><w:pPr>{keep}<w:spacing w:before="{before}" '
        f'w:after="{after}"/>{outline}</w:pPr><w:rPr>{weight}<w:sz w:val="{size}"/></w:rPr>'
        "</w:style>"
    )
