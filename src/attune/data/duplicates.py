"""Rows that stand in the data more than once, and rows that contradict each other."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence

from attune.data.example import Conversation, Document, Example, LabelledText, own_prompt, prompt_of, target_of
from attune.data.finding import Finding
from attune.data.likeness import Cluster, edit_likeness, normalised
from attune.recipe import Audit

LISTED_CLUSTERS = 20
# Answers to one prompt that have less than this in common, by edit distance, do not say the same in other words.
SAME_ANSWER = 0.3


def exact_duplicates(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Rows whose prompt and target are those of an earlier row, apart from case, width and white space."""
    groups = _groups(examples, [record_key(example) for example in examples])
    if not groups:
        return []
    later = sorted(index for group in groups for index in group[1:])
    return [
        Finding(
            "exact_duplicates",
            "warning",
            f"{len(later)} {'row says' if len(later) == 1 else 'rows say'} the same as an earlier row.",
            tuple(examples[index].origin for index in later),
            "Remove them, unless what they say should weigh more.",
            {"groups": _listed(examples, groups), "group_sizes": _sizes(groups)},
        )
    ]


def near_duplicates(examples: Sequence[Example], limits: Audit, alike: Sequence[Cluster]) -> list[Finding]:
    """Rows that ask nearly the same; of identical ones, `exact_duplicates` and `contradictions` speak.

    Args:
        alike: clusters of these examples' own prompts.
    """
    found = [cluster for cluster in alike if _differ(examples[index] for index in cluster.members)]
    if not found:
        return []
    rows = sorted(index for cluster in found for index in cluster.members)
    largest = max(len(cluster.members) for cluster in found)
    groups = f"{len(found)} groups" if len(found) > 1 else "one group"
    return [
        Finding(
            "near_duplicates",
            "warning" if len(rows) > 0.01 * len(examples) else "info",
            f"{len(rows)} rows ask nearly the same as another, in {groups}; the largest has {largest} rows.",
            tuple(examples[index].origin for index in rows),
            "A split that Attune makes keeps them on one side. Keep a few of each group if they teach nothing new.",
            {
                "near_duplicate": limits.near_duplicate,
                "short_duplicate": limits.short_duplicate,
                "groups": _listed(examples, [cluster.members for cluster in found]),
                "group_sizes": _sizes([cluster.members for cluster in found]),
                "least_likeness": [round(cluster.least, 3) for cluster in found[:LISTED_CLUSTERS]],
            },
        )
    ]


def contradictions(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Rows with one prompt and targets that do not go together: two labels, or answers with little in common."""
    found = []
    for group in _groups(examples, [prompt_key(example) for example in examples]):
        if isinstance(examples[group[0]], Document):
            continue
        first, *others = (normalised(target_of(examples[index])) for index in group)
        if isinstance(examples[group[0]], LabelledText):
            differs = any(other != first for other in others)
        else:
            differs = any(edit_likeness(first, other) < SAME_ANSWER for other in others)
        if differs:
            found.append(group)
    if not found:
        return []
    rows = sorted(index for group in found for index in group)
    return [
        Finding(
            "contradictions",
            "warning",
            f"{len(rows)} rows share {len(found)} prompt{'s' * (len(found) != 1)} and give "
            f"{'it' if len(found) == 1 else 'them'} different targets.",
            tuple(examples[index].origin for index in rows),
            "Decide which target is right; a model cannot learn both.",
            {"same_answer": SAME_ANSWER, "groups": _listed(examples, found), "group_sizes": _sizes(found)},
        )
    ]


def among(alike: Sequence[Cluster], kept: Sequence[int]) -> list[Cluster]:
    """The clusters of some of the rows, with the places that these have among themselves."""
    place = {index: new for new, index in enumerate(kept)}
    found = []
    for cluster in alike:
        members = tuple(sorted(place[index] for index in cluster.members if index in place))
        if len(members) > 1:
            found.append(Cluster(members, cluster.least))
    return found


def _differ(examples: Iterable[Example]) -> bool:
    """Whether they ask different things."""
    prompts = (normalised(own_prompt(example)) for example in examples)
    first = next(prompts)
    return any(prompt != first for prompt in prompts)


def prompt_key(example: Example) -> str:
    """A hash that rows share whose prompts are the same apart from case, width and white space."""
    return _hashed(normalised(prompt_of(example)))


def record_key(example: Example) -> str:
    """The same of prompt, target and calls together."""
    return _hashed(normalised(prompt_of(example)), normalised(target_of(example)), _calls(example))


def _hashed(*texts: str) -> str:
    return hashlib.blake2b("\0".join(texts).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _calls(example: Example) -> str:
    """What a conversation calls, without the names that calls go by in one row."""
    if not isinstance(example, Conversation):
        return ""
    calls = [call for message in example.messages for call in dict(message.extra).get("tool_calls", ())]
    return json.dumps([call.get("function", call) for call in calls], sort_keys=True) if calls else ""


def _groups(examples: Sequence[Example], keys: Sequence[object]) -> list[tuple[int, ...]]:
    """Indices of rows with one key, where there are several."""
    members: dict[object, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    return [tuple(group) for group in members.values() if len(group) > 1]


def _listed(examples: Sequence[Example], groups: Sequence[Sequence[int]]) -> list[list[str]]:
    return [[str(examples[index].origin) for index in group[:LISTED_CLUSTERS]] for group in groups[:LISTED_CLUSTERS]]


def _sizes(groups: Sequence[Sequence[int]]) -> dict[str, int]:
    """How many groups have so many rows."""
    return {str(size): count for size, count in sorted(Counter(map(len, groups)).items())}
