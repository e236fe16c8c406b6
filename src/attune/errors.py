"""The error tree. Everything a user can cause has a class here; anything else that escapes is a bug of ours.

    AttuneError            what happened, where, how to mend it              exit code
      RecipeError          the recipe is wrong                                   2
      DataError            the data is wrong (holds every bad row)               3
      ModelError           the model cannot be loaded safely or does not fit     4
      EnvironmentFault     disk, permission, missing package, broken run folder  4
      TrainingFault        training cannot go on (non-finite updates)            4
      Interrupted          stopped on request; the run can be resumed          130

To add one: subclass the nearest class, keep the three fields, and draw it here.
"""

from __future__ import annotations

from dataclasses import dataclass


class AttuneError(Exception):
    """An error that a user can understand and mend.

    Args:
        what: one sentence, what happened.
        where: the file and line, or the recipe path, that it is about ("" when there is none).
        fix: one sentence, how to mend it ("" when nothing can be advised).
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f" ({self.fix})" if self.fix else ""
        return f"{place}{self.what}{mend}"


class RecipeError(AttuneError):
    """The recipe has an unknown key, a wrong value or names something that does not exist."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class RowError:
    """One bad row of a data file.

    Attributes:
        file: path as the user gave it.
        line: physical line number, from 1 (for Parquet and hub rows the row number, from 1).
        column: character column on that line, from 1, or 0 when it is about the whole row.
        field: the key or column that is wrong ("" for the whole row).
        code: a stable short name, for example "duplicate_key".
        message: what is wrong.
        fix: how to mend it.
        row: line and column at which its row starts; None where that is `line`.
    """

    file: str
    line: int
    column: int
    field: str
    code: str
    message: str
    fix: str
    row: tuple[int, int] | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")
        field = f" [{self.field}]" if self.field else ""
        return f"{place}{field} {self.code}: {self.message} ({self.fix})"


class DataError(AttuneError):
    """The data is wrong. Holds every bad row that was found, up to a cap; `total` counts all of them."""

    exit_code = 3

    def __init__(
        self, what: str, *, where: str = "", fix: str = "", rows: tuple[RowError, ...] = (), total: int | None = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.rows = rows
        self.total = len(rows) if total is None else total


class ModelError(AttuneError):
    """The model folder is unsafe, damaged, or does not fit the task."""

    exit_code = 4


class EnvironmentFault(AttuneError):
    """Disk, permission, package, or run folder: the surroundings do not allow it."""

    exit_code = 4


class TrainingFault(AttuneError):
    """Training cannot go on, for example after repeated non-finite updates."""

    exit_code = 4


class Interrupted(AttuneError):
    """Stopped on request (Ctrl-C, SIGTERM). Everything needed to resume has been saved."""

    exit_code = 130
