"""The languages of the rows, by py3langid, and rows that answer in another one than they were asked in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from attune.data.example import Document, Example, LabelledText, Origin
from attune.data.finding import Finding, Severity
from attune.data.stored import sampled
from attune.data.targets import FENCE, turns
from attune.recipe import Audit

ROWS = 5000
TRANSLATED_SHARE = 0.9
TRANSLATED_ROWS = 5  # fewer rows that agree are no sign of intent
CHARACTERS = 1000  # py3langid's probability sinks again on long texts, and its time is linear

# Languages so much alike that a row in one is often taken for another, and varieties of one language.
_KIN = ("da no nn", "bs hr sr", "id ms", "en pcm", "es ext an", "it vec lij", "zh wuu yue", "ar ary arz")


def languages(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Rows that answer in another language than they were asked in, translation, and the languages of all the rows.

    Languages that are written almost alike (Danish and Norwegian, Croatian and Serbian, Indonesian and Malay) count as
    the one of them that is most frequent here. Where nearly all rows go from one language to one other, that is what
    the data is for, and the rows that do not are told.
    """
    sample = sampled(examples, ROWS)
    first, pairs = _spoken(sample, limits)
    of = f" of {len(sample)} rows" + (f" (a sample of {len(examples)})" if len(sample) < len(examples) else "")
    shared = {
        "language_probability": limits.language_probability,
        "language_letters": limits.language_letters,
        "sampled_rows": len(sample),
        "rows_with_a_language": len(first),
        "rows_with_two": len(pairs),
    }
    findings: list[Finding] = []

    def add(severity: Severity, rows: Sequence[Origin], what: str, advice: str, **evidence: Any) -> None:
        findings.append(Finding("languages", severity, what, tuple(rows), advice, {**shared, **evidence}))

    counts = Counter(pair for found in pairs.values() for pair in found)
    (source, target), most = counts.most_common(1)[0] if counts else (("", ""), 0)
    if source != target and most >= max(TRANSLATED_ROWS, TRANSLATED_SHARE * len(pairs)):
        odd = {origin: found for origin, found in pairs.items() if found != {(source, target)}}
        told = f"prompt and target are not in {source} and {target} as in the others"
        what = f"{most}{of} go from {source} to {target}, as in translation"
        add("info", (), what, "nothing to do when answers in this language are wanted", pairs=_named(counts))
    else:
        odd = {origin: found for origin, found in pairs.items() if any(left != right for left, right in found)}
        told = "the target is in another language than the prompt"
        spoken = Counter(first.values())
        main, most = spoken.most_common(1)[0] if spoken else ("", 0)
        if others := [origin for origin, name in first.items() if name != main]:
            what = f"{len(spoken)} languages: {most}{of} are in {main}, {len(others)} in others"
            advice = "make sure that each language you need has rows enough in train and in test"
            add("info", others, what, advice, languages=dict(spoken.most_common()))
    if odd:
        advice = "correct or remove these rows, unless they are meant so: a model learns to switch the language"
        named = _named(Counter(pair for found in odd.values() for pair in found))
        add("warning", list(odd), f"In {len(odd)}{of} {told}", advice, pairs=named)
    return findings


def language(text: str, limits: Audit) -> str | None:
    """The ISO 639 code of a text's language; None when it is too short, too uncertain, or no language at all.

    Fenced code does not count, and the start of a long text decides.
    """
    prose = FENCE.sub(" ", text[: 4 * CHARACTERS])[:CHARACTERS]
    if sum(map(str.isalpha, prose)) < limits.language_letters:
        return None
    name, probability = _identifier().classify(prose)
    return str(name) if probability >= limits.language_probability and name != "zxx" else None


def _spoken(examples: Sequence[Example], limits: Audit) -> tuple[dict[Origin, str], dict[Origin, set[tuple[str, str]]]]:
    """By row: the language of the text, or of the first prompt, else target; and the (prompt, target) languages."""
    of_rows: dict[Origin, list[tuple[str | None, str | None]]] = {}
    for example in examples:
        texts = [(t.asked, t.target) for t in turns([example])]
        if isinstance(example, LabelledText | Document):
            texts = [(example.text, "")]
        of_rows[example.origin] = [(language(left, limits), language(right, limits)) for left, right in texts]
    counts = Counter(name for row in of_rows.values() for turn in row for name in turn if name)
    chief = {name: max(group.split(), key=lambda kin: counts[kin]) for group in _KIN for name in group.split()}
    first: dict[Origin, str] = {}
    pairs: dict[Origin, set[tuple[str, str]]] = {}
    for origin, row in of_rows.items():
        for left, right in row:
            if name := left or right:
                first.setdefault(origin, chief.get(name, name))
            if left and right:
                pairs.setdefault(origin, set()).add((chief.get(left, left), chief.get(right, right)))
    return first, pairs


def _named(pairs: Counter[tuple[str, str]]) -> dict[str, int]:
    return {f"{source} to {target}": count for (source, target), count in pairs.most_common(10)}


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
