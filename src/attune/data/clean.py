"""Cleaning by the recipe's rules: rows are mended or left out, and every one of them is named. Nothing by default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from attune.data import audit
from attune.data.duplicates import near_duplicates
from attune.data.example import Example, Origin, with_texts
from attune.data.label_errors import label_errors
from attune.data.personal import Pseudonyms, find, mask
from attune.data.stored import chosen
from attune.data.strict_json import quoted
from attune.errors import RecipeError
from attune.recipe import Audit, Clean


@dataclass(frozen=True, slots=True)
class Change:
    """One text of a row, before and after a rule. Personal data is not repeated in `before`."""

    origin: Origin
    rule: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is left out, and the check that found it."""

    example_id: str
    origin: Origin
    reason: str


@dataclass
class Cleaner:
    """The rules of one recipe. One object cleans all parts, so that a value has one pseudonym everywhere.

    Raises:
        RecipeError: `drop` names what is no check, or one whose rows should not be left out unseen.
    """

    rules: Clean
    limits: Audit
    changes: list[Change] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    _names: Pseudonyms = field(default_factory=Pseudonyms)

    def __post_init__(self) -> None:
        droppable = sorted({*audit.CHECKS, *audit.CHECKS_OF_LIKENESS} - {label_errors.__name__})
        for name in self.rules.drop:
            if name not in droppable:
                what = f"there is no check named {quoted(name)} whose rows could be dropped"
                if name == label_errors.__name__:
                    what = "a doubted label may be right: such rows are not dropped unseen"
                raise RecipeError(what, where="data.clean.drop", fix=f"use some of {', '.join(droppable)}")

    def take(self, changes: Sequence[Change], rejections: Sequence[Rejection]) -> None:
        """Keep what a person decided among what was done; where personal data is masked, it is not repeated."""
        if self.rules.mask_personal_data:
            changes = [replace(c, before=self._shown(c.before), after=self._shown(c.after)) for c in changes]
        self.changes += changes
        self.rejections += rejections

    def mend(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The rows with their texts mended; none is left out."""
        rules: list[tuple[str, Callable[[str], str], Callable[[str], str]]] = []
        if self.rules.repair_text:
            from ftfy import TextFixerConfig, fix_text

            # Entities such as &amp; are how some data is meant, and curly quotes are no fault.
            config = TextFixerConfig(unescape_html=False, uncurl_quotes=False, explain=False)
            rules.append(("repair_text", lambda text: fix_text(text, config), str))
        if self.rules.mask_personal_data:
            rules.append(("mask_personal_data", self._masked, self._shown))
        for example in examples:
            mended = example
            for rule in rules:
                mended = self._by(mended, *rule)
            yield mended

    def drop(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The rows without those that the checks named in `drop` find."""
        kept = examples
        for name in self.rules.drop:
            reason = f"found by the check {name}"
            if name == near_duplicates.__name__:
                later = {member for cluster in audit.alike(kept, self.limits) for member in cluster.members[1:]}
            else:
                rows = {row for finding in audit.CHECKS[name](kept, self.limits) for row in finding.rows}
                later = {index for index, example in enumerate(kept) if example.origin in rows}
            for index in sorted(later):
                self.rejections.append(Rejection(kept[index].id, kept[index].origin, reason))
            kept = chosen(kept, [index for index in range(len(kept)) if index not in later])
        return kept

    def _by(self, example: Example, rule: str, mend: Callable[[str], str], show: Callable[[str], str]) -> Example:
        def once(text: str) -> str:
            after = mend(text)
            if after != text:
                self.changes.append(Change(example.origin, rule, show(text), after))
            return after

        return with_texts(example, once)

    def _masked(self, text: str) -> str:
        return mask(text, find(text, self.limits.secret_entropy), self._names)

    def _shown(self, text: str) -> str:
        """The text with only so much of personal data as may be shown."""
        pieces, at = [], 0
        for span in find(text, self.limits.secret_entropy):
            pieces += [text[at : span.begin], span.shown(text)]
            at = span.end
        return "".join([*pieces, text[at:]])
