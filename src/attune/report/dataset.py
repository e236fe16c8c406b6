"""What is known of the data before a training, as the report and the page of a check show it: words, tables, charts.

Everything comes from one record: that of `attune.check.Checked.record`, or what a run folder holds of the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from attune.report import charts
from attune.report import lengths as of_lengths
from attune.report.bars import Bar, Interval, bars, brief, intervals
from attune.report.evidence import isolated, lines, measures
from attune.report.lengths import Table
from attune.report.view import number, places, sentence, size

Record = Mapping[str, Any]
Figure = tuple[str, Markup]

SEVERITIES = ("error", "warning", "info")
PARTS = ("train", "validation", "test")
LISTED_LABELS, LISTED_GROUPS = 20, 30
_SHOWN_ROWS = 8
_TONES = {"error": "bad", "warning": "warn", "info": "good"}
_OTHERS = {"test": "Test", "validation": "Validation", "like": "data.like"}


def verdict(findings: Sequence[Record], rows: int) -> tuple[str, str]:
    """The gravest severity, "info" where nothing needs mending, and a sentence that counts the others."""
    counts = {severity: sum(f["severity"] == severity for f in findings) for severity in SEVERITIES}
    told = [f"{count:,} {name}{'s' * (count != 1)}" for name, count in counts.items() if count and name != "info"]
    if not told:
        return "info", f"Nothing found that should be mended in {rows:,} rows."
    return "error" if counts["error"] else "warning", f"{', '.join(told)} in {rows:,} rows."


def shown(record: Record) -> dict[str, Any]:
    """What the template `data.html.j2` needs.

    Args:
        record: `rows` by part, `split`, `findings`, `labels` (rows by label and part), `lengths` with `histogram` and
            `survey`; what is missing or None was not recorded.
    """
    rows, findings = record.get("rows") or {}, record.get("findings")
    severity, words = verdict(findings or (), sum(rows.values()))
    labels, lengths = record.get("labels") or {}, record.get("lengths") or {}
    return {
        "tone": _TONES[severity],
        "sentence": words,
        "findings": None if findings is None else _findings(findings),
        "split": record.get("split") or "",
        "parts": split_table(rows, labels),
        "labels": _drawn("Rows by label", bars(_label_bars(labels), label=_label_words(labels))),
        "part_names": [part for part in PARTS if rows.get(part)],
        "duplicates": _duplicates(findings or (), sum(rows.values())),
        "compared": _compared(findings or ()),
        "groups": _groups(findings or ()),
        "diversity": _diversity(findings or ()),
        "lengths": _lengths(lengths),
    }


def split_table(rows: Mapping[str, int], labels: Mapping[str, Mapping[str, int]], most: int = LISTED_LABELS) -> Table:
    """Rows of each part, and of each label in it; of many labels the rare ones together."""
    parts = [part for part in PARTS if rows.get(part)]
    whole = sum(rows.values())

    def line(name: str, counts: Mapping[str, int], of: Mapping[str, int]) -> tuple[str, ...]:
        cells = [_share(counts.get(part, 0), of[part]) for part in parts]
        return (brief(name, 48), *cells, _share(sum(counts.values()), sum(of.values())))

    share = dict.fromkeys(parts, whole)
    table = [("Rows", *(_share(rows[part], share[part]) for part in parts), f"{whole:,}")] if parts else []
    table += [line(name, counts, rows) for name, counts in _common(labels, most)]
    return Table(("", *parts, "all"), tuple(table))


def _share(count: int, of: int) -> str:
    if not of or not count:
        return f"{count:,}"
    return f"{count:,} ({count / of:.{0 if count >= 0.01 * of else 1}%})"


def _common(labels: Mapping[str, Mapping[str, int]], most: int) -> list[tuple[str, dict[str, int]]]:
    """The most frequent labels, and all others as one; one other label stands for itself."""
    named = list(labels.items())
    cut = most if len(named) > most + 1 else len(named)
    found = [(label, dict(counts)) for label, counts in named[:cut]]
    rest = named[cut:]
    if rest:
        found.append((f"{len(rest):,} other labels", {p: sum(c.get(p, 0) for _, c in rest) for p in PARTS}))
    return found


def _label_bars(labels: Mapping[str, Mapping[str, int]]) -> list[Bar]:
    return [
        Bar(name, tuple(counts.get(part, 0) for part in PARTS), f"{sum(counts.values()):,}")
        for name, counts in _common(labels, LISTED_LABELS)
    ]


def _label_words(labels: Mapping[str, Mapping[str, int]]) -> str:
    told = [f"{brief(bar.name)} {bar.said}" for bar in _label_bars(labels)[:5]]
    return f"rows by label and part, {len(labels)} labels: {', '.join(told)}"


def _drawn(caption: str, svg: str) -> Figure | None:
    """A chart of ours, whose text has been escaped where it was drawn."""
    return (caption, Markup(svg)) if svg else None


def _findings(findings: Sequence[Record]) -> list[dict[str, Any]]:
    """The gravest first, each with its first places and its evidence in plain lines."""
    ordered = [finding for severity in SEVERITIES for finding in findings if finding["severity"] == severity]
    return [
        {
            **{key: str(finding[key]) for key in ("check", "severity")},
            **{key: sentence(str(finding.get(key) or "")) for key in ("what", "advice")},
            "places": _places(finding),
            "lines": lines(finding),
            "measures": measures(finding),
        }
        for finding in ordered
    ]


def _places(finding: Record) -> str:
    rows = finding.get("rows") or []
    named = [{**row, "file": isolated(Path(str(row.get("file"))).name)} for row in rows[:_SHOWN_ROWS]]
    return places(named, _total(finding)) if rows else ""


def _total(finding: Record) -> int:
    """How many rows it is about; a finding of an earlier version lists all of them."""
    return int(finding.get("total_rows", len(finding.get("rows") or ())))


def _of(findings: Sequence[Record], check: str) -> list[Record]:
    return [finding for finding in findings if finding["check"] == check]


def _duplicates(findings: Sequence[Record], rows: int) -> dict[str, Any] | None:
    """How many rows are copies or nearly so, and how large their groups are."""
    kinds = {
        "exact_duplicates": "copies",
        "near_duplicates": "near copies",
        "contradictions": "contradictions",
    }
    found = {check: _of(findings, check)[0] for check in kinds if _of(findings, check)}
    if not found:
        return None
    told = [Bar(kinds[check], (_total(finding),), _share(_total(finding), rows)) for check, finding in found.items()]
    label = ", ".join(f"{bar.name}: {bar.said} rows" for bar in told)
    figures = [_drawn(f"Of {rows:,} rows", bars(told, label=label, whole=rows))]
    for check, finding in found.items():
        sizes = _doubled((finding.get("evidence") or {}).get("group_sizes") or {})
        bars_of = [Bar(name, (count,), f"{count:,}") for name, count in sizes.items()]
        caption = f"Groups of {kinds[check]}, by size"
        figures.append(_drawn(caption, bars(bars_of, label=caption)))
    return {"figures": [figure for figure in figures if figure]}


def _doubled(sizes: Mapping[str, int]) -> dict[str, int]:
    """Groups by size, in ranges that double: 2, 3, 4 to 7, 8 to 15."""
    counts: dict[int, int] = {}
    for written, count in sizes.items():
        first = 3 if int(written) == 3 else 1 << (int(written).bit_length() - 1)
        counts[first] = counts.get(first, 0) + count
    return {
        f"{first} rows" if first < 4 else f"{first:,} to {2 * first - 1:,} rows": counts[first]
        for first in sorted(counts)
    }


def _by_part(findings: Sequence[Record], check: str) -> dict[str, Record]:
    """Evidence of a check of parts: of one part where it stands out, of all the others together."""
    found: dict[str, Record] = {}
    for finding in _of(findings, check):
        evidence = finding.get("evidence") or {}
        of_one = {evidence["compared"][1]: evidence} if "compared" in evidence else evidence
        found |= {part: figures for part, figures in of_one.items() if part in _OTHERS}
    return found


def _compared(findings: Sequence[Record]) -> dict[str, Any] | None:
    """The parts beside the training rows: what tells them apart, and by how much."""
    words, labels, lengths, alone = (
        _by_part(findings, check) for check in ("two_sample", "label_shift", "length_shift", "coverage")
    )
    parts = [part for part in _OTHERS if any(part in found for found in (words, labels, lengths, alone))]
    if not parts:
        return None

    def row(title: str, found: Mapping[str, Record], key: str, limit: str) -> tuple[str, ...]:
        limits = {figures[limit] for figures in found.values()}
        cells = (number(found[part][key]) if part in found else "–" for part in parts)
        return (title, *cells, ", ".join(f"{value:g}" for value in sorted(limits)) or "–")

    spans = (" to ".join(number(end) for end in words[p]["interval_95"]) if p in words else "–" for p in parts)
    medians = (" → ".join(f"{n:,}" for n in lengths[p]["median_characters"]) if p in lengths else "–" for p in parts)
    rows = [
        row("Words: AUC", words, "auc", "two_sample_auc"),
        ("95% interval", *spans, ""),
        row("Labels: Cramer's V", labels, "cramers_v", "label_shift"),
        row("Lengths: stability index", lengths, "stability_index", "length_shift"),
        ("Median characters", *medians, ""),
        row("Share with nothing like them", alone, "uncovered_share", "uncovered"),
    ]
    headings = ("Beside training rows", *(_OTHERS[part] for part in parts), "Limit")
    shown_parts = [part for part in parts if part in words]
    told = [Interval(_OTHERS[p], words[p]["auc"], *words[p]["interval_95"]) for p in shown_parts]
    limit = words[shown_parts[0]]["two_sample_auc"] if shown_parts else 0.5
    low = min([0.4, *(row.low for row in told)])
    label = ", ".join(f"{row.name} AUC {row.value:.2f}, {row.low:.2f} to {row.high:.2f}" for row in told)
    chart = intervals(told, [(0.5, "chance"), (limit, f"limit {limit}")], low=low, high=1.0, label=label)
    return {
        "table": Table(headings, tuple(r for r in rows if set(r[1:]) - {"–", ""})),
        "figure": _drawn("How well words tell a part (AUC)", chart),
    }


def _groups(findings: Sequence[Record]) -> dict[str, Any] | None:
    """Groups of people that rows mention, each with its strongest comparison."""
    found = _of(findings, "group_bias")
    if not found:
        return None
    evidence = found[0].get("evidence") or {}
    groups = evidence.get("groups") or []
    rows = [
        (
            brief(f"{group['axis']}: {group['group']}", 40),
            f"{group['rows']:,} ({group['share']:.1%})",
            str(_outcome(group)),
            _rate(group, "rate", "low", "high"),
            _rate(group, "rest", "rest_low", "rest_high"),
            "–" if group["odds_ratio"] is None else number(group["odds_ratio"]),
            "–" if group["p_holm"] is None else f"{group['p_holm']:.2g}",
        )
        for group in groups[:LISTED_GROUPS]
    ]
    headings = ("Group", "Rows", "Strongest comparison", "In the group", "In the rest", "Odds ratio", "p (Holm)")
    return {
        "table": Table(headings, tuple(rows)),
        "more": len(groups) - len(rows),
        "too_few": ", ".join(map(str, evidence.get("too_few") or ())),
        "least": evidence.get("group_rows"),
        "tests": evidence.get("tests_in_all", 0),
    }


def _outcome(group: Record) -> str:
    if group["kind"] is None:
        return "none could be made"
    kind = str(group["kind"])
    return brief(f"{kind}: {group['outcome']}" if kind in {"label", "occupation"} else kind, 40)


def _rate(group: Record, value: str, low: str, high: str) -> str:
    """A share with its interval; of words, the median."""
    if group[value] is None:
        return "–"
    if group[low] is None:
        return f"{group[value]:g} (median)"
    return f"{group[value]:.0%} ({group[low]:.0%} to {group[high]:.0%})"


def _diversity(findings: Sequence[Record]) -> Table | None:
    found = _of(findings, "diversity")
    if not found:
        return None
    names = {
        "rows": "Rows measured",
        "vendi_score": "Rows with nothing in common (Vendi score)",
        "distinct_1": "Different words, of all",
        "distinct_2": "Different pairs of words, of all",
        "compression_ratio": "Compression ratio",
        "self_bleu": "Self-BLEU",
    }
    evidence = found[0].get("evidence") or {}
    sides = [side for side in ("prompts", "targets") if side in evidence]
    rows = [
        (title, *(f"{evidence[s][k]:,}" if k == "rows" else number(evidence[s][k]) for s in sides))
        for k, title in names.items()
    ]
    return Table(("", *(side.capitalize() for side in sides)), tuple(rows)) if sides else None


def _lengths(lengths: Record) -> dict[str, Any]:
    """Histograms and tables; runs of earlier versions have no survey."""
    bins, survey, limit = lengths.get("histogram") or {}, lengths.get("survey"), lengths.get("max_length")
    drawn = [
        _drawn("Whole rows, tokens", charts.length_histogram(bins.get("total") or (), limit)),
        _drawn("Targets, tokens", charts.length_histogram(bins.get("target") or (), None)),
    ]
    return {
        "figures": [figure for figure in drawn if figure],
        "tables": [of_lengths.percentiles(survey), of_lengths.limits(survey)] if survey else [],
        "remark": of_lengths.remark(survey) if survey else "",
    }


def memory(record: Record) -> dict[str, Any]:
    """What a training takes: counted by what it is for, and measured, of what there is."""
    counted, rehearsal = record["memory"], record.get("rehearsal")
    rows = [(title, counted[part]) for part, title in MEMORY.items() if counted.get(part)]
    needed = sum(count for _, count in rows)
    rows.append(("counted in all", needed))
    if rehearsal:
        rows.append(("measured", rehearsal["peak_bytes"]))
    drawn = [Bar(name, (count,), size(count)) for name, count in rows]
    label = "memory: " + ", ".join(f"{bar.name} {bar.said}" for bar in drawn)
    return {
        "needed": size(needed),
        "measured": size(rehearsal["peak_bytes"]) if rehearsal else "",
        "available": size(counted["available"] + counted.get("program", 0)),
        "figure": _drawn("Memory by what it is for", bars(drawn, label=label)),
    }


# Parts of the memory that is counted before loading, in the order in which they are named.
MEMORY = {
    "program": "program",
    "weights": "weights",
    "masters": "fp32 masters",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "activations": "activations",
}
