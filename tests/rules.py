"""Batches of every kind that the rule knows, and dense attention under the rule's own mask to compare with."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from attune.model.attention import Plan
from attune.model.rule import Rule
from attune.model.stacks import Stacks
from attune.tokens.batch import Batch, collate
from attune.tokens.sequence import Sequence

HEADS, GROUPS, WIDTH = 4, 2, 8


def forest(seed: int, *, longest: int = 120) -> Batch:
    """Several hundred rows: a prompt that most sequences share, branches inside branches, and loners."""
    generator = random.Random(seed)

    def tokens(most: int) -> tuple[int, ...]:
        return tuple(generator.randrange(5) for _ in range(generator.randrange(1, most)))

    made = [tuple(range(5, 5 + generator.randrange(20, 200)))]
    for _ in range(9):
        trunk = generator.choice(made)
        made.append(trunk[: generator.randrange(len(trunk) // 2, len(trunk) + 1)] + tokens(longest))
    made += [tokens(longest) for _ in range(3)]
    return collate([Sequence(str(i), ids, (0.0,) * len(ids)) for i, ids in enumerate(made)], layout="tree")


def documents(seed: int, longest: int = 150, count: int = 9) -> Batch:
    """Sequences that share nothing."""
    generator = random.Random(seed)
    lengths = [generator.randrange(longest - 149, longest) for _ in range(count)]
    made = [tuple(generator.randrange(5) + 5 * i for _ in range(n)) for i, n in enumerate(lengths)]
    return collate([Sequence(str(i), ids, (0.0,) * len(ids)) for i, ids in enumerate(made)], layout="packed")


# Name -> (batch, causal, what computes it).
KINDS: dict[str, tuple[Callable[[int], Batch], bool, type]] = {
    "tree": (forest, True, list),
    "loners": (documents, True, Stacks),
    "documents": (documents, False, Stacks),
    "long documents": (lambda seed: documents(seed, 700, count=3), False, list),
}


def plan_of(kind: str, seed: int) -> Plan:
    make, causal, _ = KINDS[kind]
    return Plan.of(make(seed), causal=causal)


def seen(rule: Rule, window: int | None) -> torch.Tensor:
    """The mask of the rule, token by token: [T, T]."""
    row_T = np.arange(len(rule.end_T))
    key_1T, query_T1 = row_T[None], row_T[:, None]
    seen_TT = (
        (key_1T <= query_T1) & (query_T1 < rule.end_T[None]) if rule.causal else rule.end_T[None] == rule.end_T[:, None]
    )
    if window is not None:
        distance_TT = rule.position_T[:, None] - rule.position_T[None]
        seen_TT &= (distance_TT if rule.causal else np.abs(distance_TT)) < window
    return torch.from_numpy(seen_TT)


def tensors(rows: int) -> list[torch.Tensor]:
    torch.manual_seed(rows)
    shapes = ((1, HEADS, rows, WIDTH), (1, GROUPS, rows, WIDTH), (1, GROUPS, rows, WIDTH))
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def dense(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, seen: torch.Tensor, cap: float | None) -> Any:
    key, value = (t.repeat_interleave(HEADS // GROUPS, 1) for t in (key, value))
    scores = query @ key.transpose(2, 3) * WIDTH**-0.5
    scores = cap * torch.tanh(scores / cap) if cap else scores
    return (scores.masked_fill(~seen, float("-inf")).softmax(-1) @ value).transpose(1, 2)
