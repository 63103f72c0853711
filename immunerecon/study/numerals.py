"""Numbers and dates as people write them in tables."""

import datetime as dt
import re
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _number(value: object, info: ValidationInfo) -> object:
    """Read a number; a decimal comma where it can be nothing else."""
    if not isinstance(value, str):
        return value
    if _NUMBER.fullmatch(value):
        return float(value)
    comma_is_decimal = bool(info.context and info.context.get("comma_is_decimal"))
    if _THOUSANDS.fullmatch(value) and not comma_is_decimal:
        plain = value.replace(",", "")
        raise _error(
            f"{value!r} may be {value.replace(',', '.')} or {plain}",
            accepted=f"{value.replace(',', '.')} or {plain}",
        )
    if _DECIMAL_COMMA.fullmatch(value):
        return float(value.replace(",", "."))
    raise _error(f"{value!r} is not a number", accepted="a number such as 1.5 or 3e7, no unit")


def _whole(value: object, info: ValidationInfo) -> object:
    """Read a whole number."""
    if isinstance(value, bool) or not isinstance(value, str):
        return value
    if not re.fullmatch(r"[+-]?\d+(\.0*)?", value, re.ASCII):
        raise _error(f"{value!r} is not a whole number", accepted="a whole number such as 2")
    return int(value.split(".")[0])


def _date(value: object) -> object:
    """Read an ISO date."""
    if not isinstance(value, str):
        return value
    try:
        if _DATE.fullmatch(value):
            return dt.date.fromisoformat(value)
    except ValueError:
        pass  # of the right form, but no such day
    raise _error(f"{value!r} is not a date", accepted="year-month-day, such as 2024-03-31")


def _error(message: str, *, accepted: str) -> PydanticCustomError:
    return PydanticCustomError("numeral", "{reason}", {"reason": message, "accepted": accepted})


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Amount = Annotated[Number, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
Percent = Annotated[Number, Field(ge=0, le=100)]
Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]
IsoDate = Annotated[dt.date, BeforeValidator(_date), Field(strict=True)]
