"""What an audit finds: rows, evidence, how grave it is, and what to do. A finding never changes a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from attune.data.example import Origin

# An error is wrong whatever the data is for; a warning most likely is; an info is worth knowing.
Severity = Literal["error", "warning", "info"]
LISTED_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should know about the data.

    Attributes:
        check: name of the check, as in `attune.data.audit.CHECKS`.
        what: one sentence for a person, with numbers.
        rows: the rows that it is about, each once, in the order of the file unless the check says otherwise; empty when
            it is about all of them.
        advice: what to do, one sentence.
        evidence: values that JSON can hold: thresholds in force, measures, short quotations.
        unlisted: how many further rows it is about, when it was kept as a record.
    """

    check: str
    severity: Severity
    what: str
    rows: tuple[Origin, ...] = ()
    advice: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    unlisted: int = 0

    def record(self) -> dict[str, Any]:
        """As JSON has it. So many rows are listed; `total_rows` counts all of them."""
        return {
            "check": self.check,
            "severity": self.severity,
            "what": self.what,
            "rows": [row.place() for row in self.rows[:LISTED_ROWS]],
            "total_rows": len(self.rows) + self.unlisted,
            "advice": self.advice,
            "evidence": dict(self.evidence),
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Finding:
        """The finding that a record tells of."""
        rows = tuple(Origin(**place) for place in record["rows"])
        named = {name: record[name] for name in ("check", "severity", "what", "advice", "evidence")}
        return cls(**named, rows=rows, unlisted=record["total_rows"] - len(rows))
