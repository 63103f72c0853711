"""YAML that people write, as plain text: no tags, no anchors, nothing typed by its looks."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, NodeEvent

from immunerecon.errors import Problem, StudyError

MAX_DEPTH = 10


def read_plain_yaml(path: Path, *, most_bytes: int) -> object:
    """Return the content of a YAML file with all scalars as text.

    Parameters
    ----------
    path
        The file.
    most_bytes
        Size above which it is refused.

    Raises
    ------
    StudyError
        When it is too large, no UTF-8, no YAML, nested too deep, or holds a tag, an anchor or a
        key twice.
    """
    name = path.name
    if path.stat().st_size > most_bytes:
        raise StudyError([Problem(name, f"is larger than {most_bytes // 1000} kB")])
    try:
        text = path.read_bytes().decode("utf-8-sig")
        _refuse_cleverness(text, name)
        return YAML(typ="base", pure=True).load(text)
    except UnicodeDecodeError:
        raise StudyError([Problem(name, "is not UTF-8 text")]) from None
    except MarkedYAMLError as error:
        row = error.problem_mark.line + 1 if error.problem_mark else None
        raise StudyError([Problem(name, error.problem or "is not YAML", row=row)]) from None
    except (YAMLError, TypeError) as error:  # TypeError: a list as a key
        raise StudyError([Problem(name, f"is not YAML of plain keys: {error}")]) from None


def _refuse_cleverness(text: str, name: str) -> None:
    """Refuse tags, anchors, aliases and deep nesting before anything is built."""
    depth = 0
    for event in YAML(typ="base", pure=True).parse(text):
        tag = getattr(event, "tag", None)
        row = event.start_mark.line + 1
        if isinstance(event, NodeEvent) and event.anchor:  # an alias is a node event, too
            raise StudyError([Problem(name, "holds an anchor or alias", row=row)])
        if tag:
            raise StudyError([Problem(name, f"holds the tag {tag}", row=row)])
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise StudyError([Problem(name, f"is nested deeper than {MAX_DEPTH}", row=row)])
