"""What tokenising finds: the chat template's doings, special tokens in texts, and rows that max_length cuts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as Series
from typing import NamedTuple

from attune.data.example import Example, Origin, texts_of
from attune.data.finding import LISTED_ROWS, Finding, Severity
from attune.errors import DataError
from attune.tokens.fit import Cut
from attune.tokens.lengths import MULTIPLE, WHOLE_PERCENT, Lengths
from attune.tokens.render import Renderer
from attune.tokens.written import TemplateProblem


class _Kind(NamedTuple):
    """A kind of finding: how grave it is, what to do, and what the reference says of it."""

    severity: Severity
    advice: str
    meaning: str


_SEE = "See what is learned with `attune show`."
_MEND = "Mend the template, or use a model whose template writes it."

KINDS = {
    "missing_template": _Kind(
        "warning",
        'A plain one ("User: ... Assistant: ...") is used and saved with the tuned model.',
        "The model has no chat template.",
    ),
    "special_tokens_in_text": _Kind(
        "warning",
        "Take them out of the texts, or break them up with a space: they begin and end turns wherever they stand.",
        'Texts with words such as "</s>" or "[SEP]" that the tokenizer turns into special tokens.',
    ),
    "template_prompt_mismatch": _Kind(
        "warning", _SEE, "A finished turn does not begin with the prompt that the model will be asked with."
    ),
    "template_altered_words": _Kind(
        "warning", _SEE, "The template alters the assistant's words: strips them, or writes them in another case."
    ),
    "template_no_end_token": _Kind(
        "warning", _SEE, "The template writes no end token after an answer; the tokenizer's own is added to the loss."
    ),
    "template_no_stop_token": _Kind(
        "error",
        "Set eos_token in the tokenizer's config to a token that the tokenizer knows as one.",
        "What is learned does not end with a token that stops a model.",
    ),
    "template_doubled_bos": _Kind(
        "warning",
        "Take the token out of the texts, or out of the template where it stands twice.",
        "A conversation begins with two tokens that begin a text.",
    ),
    "template_dropped_message": _Kind(
        "warning", _MEND, "The template leaves out messages: those of the system, of the user, or of tools."
    ),
    "template_altered_message": _Kind("warning", _SEE, "The template alters messages of the system, user or tools."),
    "template_dropped_tools": _Kind("warning", _MEND, "The template leaves out the tools that could be called."),
    "template_dropped_tool_calls": _Kind("error", _MEND, "The template leaves out calls of tools."),
    "overlong": _Kind("warning", "", "Rows that max_length cuts, and the limit that would keep them."),
}  # fmt: skip


def of_template(problems: Series[TemplateProblem], *, missing: bool) -> list[Finding]:
    """What the chat template does to rows, one finding a kind, with their rows.

    Args:
        missing: conversations are written by the plain template, since the model has none.
    """
    found = []
    if missing:
        kind = KINDS["missing_template"]
        found.append(Finding("missing_template", kind.severity, kind.meaning, advice=kind.advice))
    kinds: dict[tuple[str, str], list[TemplateProblem]] = {}
    for problem in problems:
        kinds.setdefault((problem.code, problem.message), []).append(problem)
    for (code, message), group in sorted(kinds.items()):
        kind = KINDS[f"template_{code}"]
        rows = _in_order(problem.origin for problem in group)
        what = f"In {_counted(len(rows))} {message}."
        found.append(Finding(f"template_{code}", kind.severity, what, rows, kind.advice))
    return found


def of_special_tokens(examples: Iterable[Example], renderer: Renderer) -> list[Finding]:
    """Texts that hold the writing of a special token, which the tokenizer takes for the token itself."""
    found: dict[Origin, set[str]] = {}
    if words := _taken_for_special(renderer):
        pattern = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))
        for example in examples:
            for text in texts_of(example):
                if pattern.search(text):
                    found.setdefault(example.origin, set()).update(pattern.findall(text))
    if not found:
        return []
    counts = Counter(word for words in found.values() for word in words)
    named = sorted(counts, key=lambda word: (-counts[word], word))
    kind = KINDS["special_tokens_in_text"]
    what = f"In {_counted(len(found))} a text holds special tokens of the model: {', '.join(named[:5])}"
    what += f" and {len(named) - 5} more." if len(named) > 5 else "."
    evidence = {"rows_by_token": {word: counts[word] for word in named}}
    return [Finding("special_tokens_in_text", kind.severity, what, _in_order(found), kind.advice, evidence)]


def _taken_for_special(renderer: Renderer) -> list[str]:
    """Writings of special tokens that become the token when they stand inside a text."""
    written = list(renderer.special_ids.items())
    inside = renderer.all_ids([f"x {word} x" for _, word in written])
    return [word for (token_id, word), ids in zip(written, inside, strict=True) if token_id in ids]


def of_cuts(cuts: Series[Cut], examples: Iterable[Example], lengths: Lengths, overlong: str) -> list[Finding]:
    """Rows that max_length cuts. A row that would lose its whole answer is an error unless the recipe decides.

    Raises:
        DataError: `overlong` is "error" and there are such rows.
    """
    if not cuts:
        return []
    wanted = {cut.example_id for cut in cuts}
    origins = {e.id: e.origin for e in examples if e.id in wanted}
    lost, limit, advice = [cut for cut in cuts if cut.whole_answer], lengths.in_force, _longer(lengths)
    if lost and overlong == "error":
        rows = tuple(
            origins[cut.example_id].error(
                "",
                "answer_cut",
                f"{cut.total_tokens} tokens; all {cut.target_tokens} of the answer lie beyond {limit}",
                "shorten the row",
            )
            for cut in lost[:LISTED_ROWS]
        )
        raise DataError(
            f"{len(lost)} row{'s' * (len(lost) != 1)} would lose the whole answer at training.max_length {limit}",
            fix=f"raise training.max_length, shorten the rows, or set training.overlong to drop or truncate. {advice}",
            rows=rows,
            total=len(lost),
        )
    tokens = sum(cut.lost_target_tokens for cut in cuts)
    done = "left out" if overlong == "drop" else "cut"
    evidence = {
        "max_length": limit,
        "lost_target_tokens": tokens,
        "rows_that_lose_every_target": len(lost),
        "longest": lengths.total["100"],
        "suggested_max_length": lengths.suggested,
        "suggested_keeps_whole_percent": WHOLE_PERCENT,
        "context": lengths.context,
    }
    what = f"{len(cuts)} rows are longer than {limit} tokens and are {done}; {tokens} answer tokens are lost."
    rows_cut = _in_order(origins[cut.example_id] for cut in cuts)
    return [Finding("overlong", KINDS["overlong"].severity, what, rows_cut, advice, evidence)]


def _longer(lengths: Lengths) -> str:
    """What limit would keep the rows whole."""
    longest = lengths.total["100"]
    enough = lengths.suggested <= lengths.in_force
    wanted = -(-longest // MULTIPLE) * MULTIPLE if enough else lengths.suggested
    if wanted <= lengths.context:
        share = "all rows" if wanted >= longest else f"{WHOLE_PERCENT} % of the rows"
        return f"training.max_length {wanted} would keep {share} whole."
    if enough:
        return (
            f"They are fewer than 1 % of the rows; the longest has {longest} tokens, the model reads {lengths.context}."
        )
    if lengths.in_force < lengths.context:
        return f"training.max_length {lengths.context}, all that the model reads, would cut fewer; or shorten the rows."
    return f"Shorten the rows, or use a model that reads more than {lengths.context} tokens."


def _in_order(origins: Iterable[Origin]) -> tuple[Origin, ...]:
    return tuple(sorted(set(origins), key=lambda origin: (origin.file, origin.line, origin.column)))


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"
