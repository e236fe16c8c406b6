"""What a check found as one HTML page: no script, nothing fetched, every word of the user's escaped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attune.report import dataset
from attune.report.html import replace_file, template
from attune.report.lengths import Table
from attune.report.view import duration, number, short, span


def write(path: Path, record: Mapping[str, Any]) -> Path:
    """Write the page, whole or not at all, and return its path.

    Args:
        record: that of `attune.check.Checked.record`.

    Raises:
        EnvironmentFault: the disk does not take it.
    """
    return replace_file(path, render(record))


def render(record: Mapping[str, Any]) -> str:
    """The page as text: the same record gives the same text."""
    lengths = record["lengths"]
    data = dataset.shown({**record, "lengths": {**lengths, "max_length": lengths["survey"]["in_force"]}})
    memory = dataset.memory(record)
    tone = data["tone"] if record["fits"] else "bad"
    return template("check.html.j2").render(
        name=record.get("name") or record["task"],
        record=record,
        data=data,
        tone=tone,
        fits=_fits(record, memory),
        facts=_facts(record, memory),
        memory=memory,
        times=_times(record),
        prompts=_prompts(record.get("prompts")),
    )


def _fits(record: Mapping[str, Any], memory: Mapping[str, Any]) -> str:
    if not record["fits"]:
        counts = f"{memory['needed']} are counted, {memory['available']} are available"
        return f"The training does not fit into the memory: {counts}."
    seconds = duration(record["rehearsal"]["seconds"])
    return f"The training fits into the memory and takes about {seconds}."


def _facts(record: Mapping[str, Any], memory: Mapping[str, Any]) -> list[tuple[str, str]]:
    lengths, rehearsal = record["lengths"], record.get("rehearsal")
    found = [
        ("Rows", f"{sum(record['rows'].values()):,}"),
        ("Labels", f"{len(record['labels']):,}" if record.get("labels") else ""),
        ("Median length", f"{lengths['median']:,} tokens"),
        ("Longest row", f"{lengths['longest']:,} tokens"),
        ("Tokens in training rows", f"{lengths['total']:,}"),
        ("Learned of them", f"{lengths['targets']:,}" if lengths["targets"] else ""),
        ("Memory", f"{memory['measured'] or memory['needed']} of {memory['available']}"),
        ("Training", f"about {duration(rehearsal['seconds'])}" if rehearsal else ""),
    ]
    return [(label, value) for label, value in found if value]


def _times(record: Mapping[str, Any]) -> Table:
    rehearsal = record.get("rehearsal")
    rows = [("Parameters", f"{record['parameters'] / 1e6:,.1f} million"), ("Optimizer steps", f"{record['steps']:,}")]
    if rehearsal:
        rows += [
            ("Speed", f"{rehearsal['tokens_per_second']:,.0f} tokens a second"),
            ("Training", f"about {duration(rehearsal['seconds'])}"),
            (
                f"Base and tuned on {record['rows']['test']:,} test rows",
                f"about {duration(record['comparison_seconds'])}",
            ),
        ]
    return Table(("", "expected"), tuple(rows))


def _prompts(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The recipe's prompt and another one on the model before training."""
    if found is None:
        return None
    rows = [
        (f"{title}: {short(found[key] or 'none', 200)}", number(found["loss_nats"][key]))
        for title, key in (("recipe", "prompt"), ("other", "other_prompt"))
    ]
    change = found["difference"]
    rows.append(("difference", f"{number(change['value'], signed=True)} ({span(change)})"))
    table = Table(("Prompt", f"Loss, nats per {found['per']} ↓"), tuple(rows))
    return {**{key: found[key] for key in ("sentence", "rows", "part", "left_out")}, "table": table}
