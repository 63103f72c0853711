"""A protocol's criteria, kept as data."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from immunerecon.errors import Problem, StudyError

_SHIPPED = Path(__file__).parent / "protocols"


class Condition(BaseModel):
    """What one column must hold.

    Parameters
    ----------
    column
        Of the screening table, or a measure of the product.
    unit
        Of the value and the limits.
    at_least, at_most
        Limits of a number, which themselves are allowed.
    equals
        The answer to a question of yes or no.
    source
        Where the limit comes from, if it is not the protocol's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    equals: bool | None = None
    source: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> "Condition":
        number = self.at_least is not None or self.at_most is not None
        if number == (self.equals is not None):
            raise ValueError("a condition has at_least and/or at_most, or equals")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value allowed; yes is 1 and no is 0."""
        if self.equals is not None:
            return float(self.equals), float(self.equals)
        low = -math.inf if self.at_least is None else self.at_least
        return low, math.inf if self.at_most is None else self.at_most

    def __str__(self) -> str:
        if self.equals is not None:
            return f"{self.column} is {'yes' if self.equals else 'no'}"
        low = f">= {self.at_least:g}" if self.at_least is not None else ""
        high = f"<= {self.at_most:g}" if self.at_most is not None else ""
        return f"{self.column} {' and '.join(filter(None, (low, high)))} {self.unit}".strip()


class Criterion(BaseModel):
    """One criterion of eligibility.

    Parameters
    ----------
    id
        Short name.
    kind
        Whether the protocol lists it as inclusion or exclusion; either way the conditions are what
        a patient who enters must have.
    text
        As the protocol puts it.
    requires
        Conditions, any one of which suffices.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: Literal["inclusion", "exclusion"]
    text: str
    requires: Annotated[tuple[Condition, ...], Field(min_length=1)]


class Protocol(BaseModel):
    """What a trial asks of its patients and of the infused product.

    Parameters
    ----------
    name, title
        Of the trial.
    source
        Where the criteria come from.
    criteria
        Of eligibility.
    product
        Limits that the product must keep to be released.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str = ""
    source: str
    criteria: tuple[Criterion, ...] = ()
    product: tuple[Condition, ...] = ()


def load_protocol(protocol: str | Path) -> Protocol:
    """Return a shipped protocol, or one in a file.

    Parameters
    ----------
    protocol
        Name of a shipped protocol (``nct00846833``), or path of a YAML file.

    Returns
    -------
    Protocol

    Raises
    ------
    StudyError
        When there is no such file, or it is not a protocol; all problems are told at once.

    Examples
    --------
    >>> protocol = load_protocol("nct00846833")
    >>> protocol.name, len(protocol.criteria), str(protocol.criteria[4].requires[0])
    ('NCT00846833', 26, 'age >= 18 and <= 75 years')
    """
    shipped = _SHIPPED / f"{protocol}.yaml"
    path = shipped if shipped.is_file() else Path(protocol)
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        return Protocol.model_validate(content)
    except OSError:
        names = ", ".join(sorted(file.stem for file in _SHIPPED.glob("*.yaml")))
        problem = Problem(
            str(protocol), "there is no such protocol", accepted=f"{names}, or a file"
        )
        raise StudyError([problem]) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise StudyError([Problem(path.name, f"is not YAML: {error}")]) from None
    except ValidationError as error:
        raise StudyError(
            [
                Problem(path.name, fault["msg"], column=".".join(map(str, fault["loc"])) or None)
                for fault in error.errors(include_url=False)
            ]
        ) from None
