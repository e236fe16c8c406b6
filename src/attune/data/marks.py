"""What a row says beside its content: whom it belongs to and when it was. A split needs both, a model sees neither."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from attune.data.example import Origin
from attune.data.formats import RawRow, kind
from attune.data.strict_json import quoted
from attune.errors import RowError

_LONGEST = 40  # characters of a time
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?")
_MONTH = re.compile(r"\d{4}-\d{2}")
_TIMES = "write an ISO 8601 date (2026-01-31, 2026-01-31T10:00:00Z) or a number"


@dataclass(slots=True)
class Marks:
    """Reads group and time of the rows of one source. Times are all dates or all numbers: the first row decides.

    Attributes:
        group_by, time_by: the columns; None reads nothing.
    """

    group_by: str | None = None
    time_by: str | None = None
    _dated: bool | None = field(default=None, init=False)

    def read(self, row: RawRow) -> tuple[Origin, list[RowError]]:
        """The row's place with its group and time, and what is wrong with them."""
        errors: list[RowError] = []
        group, time = "", None
        try:
            group = self._group(row) if self.group_by is not None else ""
        except _BadMarkError as bad:
            errors.append(bad.error)
        try:
            time = self._time(row) if self.time_by is not None else None
        except _BadMarkError as bad:
            errors.append(bad.error)
        return replace(row.origin, group=group, time=time), errors

    def columns(self) -> Iterator[str]:
        """The columns that are read."""
        return (column for column in (self.group_by, self.time_by) if column is not None)

    def _group(self, row: RawRow) -> str:
        assert self.group_by is not None
        value = _value(row, self.group_by)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a table's 7.0 is a CSV's 7
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _bad(row, self.group_by, "wrong_type", f"the group is {kind(value)}", "write it as text or a number")
        return str(value).strip()

    def _time(self, row: RawRow) -> float:
        assert self.time_by is not None
        value = _value(row, self.time_by)
        time, dated = _seconds(value)
        if time is None:
            raise _bad(row, self.time_by, "bad_time", f"{quoted(value)} is neither a date nor a number", _TIMES)
        if self._dated is None:
            self._dated = dated
        if dated != self._dated:
            is_this, others = ("a date", "numbers") if dated else ("a number", "dates")
            message = f"{quoted(value)} is {is_this}, and the rows before have {others}"
            raise _bad(row, self.time_by, "bad_time", message, "write the times of all rows in one way")
        return time


class _BadMarkError(Exception):
    def __init__(self, error: RowError) -> None:
        super().__init__()
        self.error = error


def _bad(row: RawRow, column: str, code: str, message: str, fix: str) -> _BadMarkError:
    return _BadMarkError(row.origin.error(column, code, message, fix))


def _value(row: RawRow, column: str) -> Any:
    if column not in row.values:
        message = f"the row has no {quoted(column)}, by which the rows are split"
        raise _bad(row, column, "missing_field", message, "fill it in or remove the row")
    value = row.values[column]
    if value is None or (isinstance(value, str) and not value.strip()):
        message = "the field is empty, and the rows are split by it"
        raise _bad(row, column, "empty_field", message, "fill it in or remove the row")
    return value


def _seconds(value: Any) -> tuple[float | None, bool]:
    """The time as a number (of a date, the seconds since 1970) or None, and whether it is a date. No zone is UTC."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return None, False
        return (number if math.isfinite(number) else None), False
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST:
        return None, False
    if _NUMBER.fullmatch(text):
        number = float(text)
        return (number if math.isfinite(number) else None), False
    try:
        moment = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), True
    except (ValueError, OverflowError):
        return None, False
