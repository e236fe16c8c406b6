"""Attention of a GPU, as Triton kernels: the way of FlashAttention (Dao 2023), over blocks that the rule lets meet.

Scores stay on the chip, and the backward makes them again from the logarithm of each row's sum. Nothing is added up by
atomic operations, so the same batch gives the same bits. `attune.model.blocks` says which blocks meet.

Pointers are tensors; capitals are known when a kernel is compiled:

    GROUP               query heads for each key head
    CAUSAL              the rule of a tree, or that of whole documents
    CAPPED, SLIDES, DROPS
                        whether scores are capped, a window slides, probabilities are dropped
    SUM                 what sums are made in
    D, DV, WIDE, WIDE_V width of queries and keys, of values, and the powers of two that hold them
    SIZE                rows of a block
    MASKED              whether the blocks that meet do so only in part
"""

# Triton compiles these functions from their text: arguments carry no types but `constexpr`, and calls stand in full.

from __future__ import annotations

import triton
import triton.language as tl

# Of products in fp32: on tensor cores in three parts, which keeps fp32's digits. Products in bf16 know no other way.
PRECISION = tl.constexpr("tf32x3")


@triton.jit
def _load(base, row, row_stride, limit, WIDTH: tl.constexpr, WIDE: tl.constexpr):
    """Rows of a matrix, [len(row), WIDE]; zero beyond its last row and its last column."""
    column = tl.arange(0, WIDE)
    inside = (row[:, None] < limit) & (column[None, :] < WIDTH)
    return tl.load(base + row.to(tl.int64)[:, None] * row_stride + column[None, :], mask=inside, other=0.0)


@triton.jit
def _store(base, row, row_stride, limit, value, WIDTH: tl.constexpr, WIDE: tl.constexpr):
    column = tl.arange(0, WIDE)
    inside = (row[:, None] < limit) & (column[None, :] < WIDTH)
    tl.store(base + row.to(tl.int64)[:, None] * row_stride + column[None, :], value.to(base.dtype.element_ty), inside)


@triton.jit
def _allowed(q_row, k_row, keys, end, position, window, CAUSAL: tl.constexpr, SLIDES: tl.constexpr):
    """Whether query q may attend to key k: `attune.model.rule.Rule.allowed`. Both counted from the first row of all.

    The arguments are as wide as their axes, [Q, 1] and [1, B] or the other way round.
    """
    end_k = tl.load(end + k_row, mask=k_row < keys, other=0)
    if CAUSAL:
        allowed = (k_row <= q_row) & (q_row < end_k)
    else:
        allowed = (tl.load(end + q_row, mask=q_row < keys, other=-1) == end_k) & (k_row < keys)
    if SLIDES:
        distance = tl.load(position + q_row, mask=q_row < keys, other=0)
        distance = distance - tl.load(position + k_row, mask=k_row < keys, other=0)
        if not CAUSAL:
            distance = tl.abs(distance)
        allowed = allowed & (distance < window)
    return allowed


@triton.jit
def _scores(left, right, scaling, softcap, SUM: tl.constexpr, CAPPED: tl.constexpr):
    """Scaled and capped scores in units of log 2, and the cap's slope."""
    scores = tl.dot(left, tl.trans(right), input_precision=PRECISION).to(SUM) * scaling
    slope = scores
    if CAPPED:
        bent = 2.0 * tl.sigmoid(2.0 * scores / softcap) - 1.0
        slope = 1.0 - bent * bent
        scores = softcap * bent
    return scores * 1.4426950408889634, slope


@triton.jit
def _kept(q_row, k_row, keys, head, dropout, seed):
    """One over the share that is kept, or zero: the same for a pair of query and key whoever asks."""
    drawn = tl.rand(seed + head, q_row * keys + k_row)
    return tl.where(drawn >= dropout, 1.0 / (1.0 - dropout), 0.0)


@triton.jit
def _forward_blocks(
    sums, most, total, query, key, value, starts, blocks, index, head, q_row, end, position,
    k_row_stride, v_row_stride, keys, scaling, softcap, window, dropout, seed,
    MASKED: tl.constexpr, CAUSAL: tl.constexpr, CAPPED: tl.constexpr, SLIDES: tl.constexpr, DROPS: tl.constexpr,
    SUM: tl.constexpr, D: tl.constexpr, DV: tl.constexpr, WIDE: tl.constexpr, WIDE_V: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    for at in range(tl.load(starts + index), tl.load(starts + index + 1)):
        k_row = tl.load(blocks + at) * SIZE + tl.arange(0, SIZE)
        scores, _ = _scores(query, _load(key, k_row, k_row_stride, keys, D, WIDE), scaling, softcap, SUM, CAPPED)
        if MASKED:
            allowed = _allowed(q_row[:, None], k_row[None, :], keys, end, position, window, CAUSAL, SLIDES)
            scores = tl.where(allowed, scores, float("-inf"))
        higher = tl.maximum(most, tl.max(scores, 1))
        shift = tl.where(higher == float("-inf"), 0.0, higher)  # a row may see nothing of its first blocks
        odds = tl.exp2(scores - shift[:, None])
        shrink = tl.exp2(most - shift)
        total = total * shrink + tl.sum(odds, 1)
        if DROPS:
            odds = odds * _kept(q_row[:, None], k_row[None, :], keys, head, dropout, seed)
        values = _load(value, k_row, v_row_stride, keys, DV, WIDE_V)
        sums = sums * shrink[:, None] + tl.dot(odds.to(values.dtype), values, input_precision=PRECISION).to(SUM)
        most = higher
    return sums, most, total


@triton.jit
def forward_kernel(
    query, key, value, out, log, whole_starts, whole, part_starts, part, out_row, out_head,
    q_head, q_row, k_head, k_row, v_head, v_row, end, position, first, rows, keys,
    scaling, softcap, window, dropout, seed,
    GROUP: tl.constexpr, CAUSAL: tl.constexpr, CAPPED: tl.constexpr, SLIDES: tl.constexpr, DROPS: tl.constexpr,
    SUM: tl.constexpr, D: tl.constexpr, DV: tl.constexpr, WIDE: tl.constexpr, WIDE_V: tl.constexpr,
    SIZE: tl.constexpr,
):  # fmt: skip
    """A block of queries of one head: values weighted by probabilities, and log 2 of each row's sum."""
    index, head = tl.program_id(0), tl.program_id(1)
    row = index * SIZE + tl.arange(0, SIZE)
    queries = _load(query + head.to(tl.int64) * q_head, row, q_row, rows, D, WIDE)
    key += (head // GROUP).to(tl.int64) * k_head
    value += (head // GROUP).to(tl.int64) * v_head
    sums = tl.zeros([SIZE, WIDE_V], SUM)
    most = tl.full([SIZE], float("-inf"), SUM)
    total = tl.zeros([SIZE], SUM)
    sums, most, total = _forward_blocks(
        sums, most, total, queries, key, value, whole_starts, whole, index, head, first + row, end, position,
        k_row, v_row, keys, scaling, softcap, window, dropout, seed,
        False, CAUSAL, CAPPED, SLIDES, DROPS, SUM, D, DV, WIDE, WIDE_V, SIZE,
    )  # fmt: skip
    sums, most, total = _forward_blocks(
        sums, most, total, queries, key, value, part_starts, part, index, head, first + row, end, position,
        k_row, v_row, keys, scaling, softcap, window, dropout, seed,
        True, CAUSAL, CAPPED, SLIDES, DROPS, SUM, D, DV, WIDE, WIDE_V, SIZE,
    )  # fmt: skip
    total = tl.where(total == 0.0, 1.0, total)  # rows beyond the last one
    _store(out + head * out_head, row, out_row, rows, sums / total[:, None], DV, WIDE_V)
    tl.store(log + head * rows + row, most + tl.log2(total), row < rows)


@triton.jit
def _keys_blocks(
    grad_key, grad_value, keys_of, values, query, grad, log, common, starts, blocks, index, head, k_row, end, position,
    q_row_stride, grad_row, first, rows, keys, scaling, softcap, window, dropout, seed,
    MASKED: tl.constexpr, CAUSAL: tl.constexpr, CAPPED: tl.constexpr, SLIDES: tl.constexpr, DROPS: tl.constexpr,
    SUM: tl.constexpr, D: tl.constexpr, DV: tl.constexpr, WIDE: tl.constexpr, WIDE_V: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    for at in range(tl.load(starts + index), tl.load(starts + index + 1)):
        row = tl.load(blocks + at) * SIZE + tl.arange(0, SIZE)
        queries = _load(query, row, q_row_stride, rows, D, WIDE)
        grads = _load(grad, row, grad_row, rows, DV, WIDE_V)
        scores, slope = _scores(keys_of, queries, scaling, softcap, SUM, CAPPED)
        odds = tl.exp2(scores - tl.load(log + row, mask=row < rows, other=0.0)[None, :])
        if MASKED:
            q_row = first + row[None, :]
            allowed = _allowed(q_row, k_row[:, None], keys, end, position, window, CAUSAL, SLIDES)
            odds = tl.where(allowed & (row[None, :] < rows), odds, 0.0)
        grad_odds = tl.dot(values, tl.trans(grads), input_precision=PRECISION).to(SUM)
        used = odds
        if DROPS:
            kept = _kept(first + row[None, :], k_row[:, None], keys, head, dropout, seed)
            used = odds * kept
            grad_odds = grad_odds * kept
        grad_value += tl.dot(used.to(grads.dtype), grads, input_precision=PRECISION).to(SUM)
        grad_score = odds * (grad_odds - tl.load(common + row, mask=row < rows, other=0.0)[None, :])
        if CAPPED:
            grad_score = grad_score * slope
        grad_key += tl.dot(grad_score.to(queries.dtype), queries, input_precision=PRECISION).to(SUM)
    return grad_key, grad_value


@triton.jit
def keys_kernel(
    query, key, value, grad, log, common, grad_key, grad_value, whole_starts, whole, part_starts, part,
    grad_row, grad_head, gk_row, gk_head, gv_row, gv_head,
    q_head, q_row, k_head, k_row, v_head, v_row, end, position, first, rows, keys,
    scaling, softcap, window, dropout, seed,
    GROUP: tl.constexpr, CAUSAL: tl.constexpr, CAPPED: tl.constexpr, SLIDES: tl.constexpr, DROPS: tl.constexpr,
    SUM: tl.constexpr, D: tl.constexpr, DV: tl.constexpr, WIDE: tl.constexpr, WIDE_V: tl.constexpr,
    SIZE: tl.constexpr,
):  # fmt: skip
    """A block of keys of one key head: gradients of keys and values, over all query heads that share them."""
    index, group = tl.program_id(0), tl.program_id(1)
    row = index * SIZE + tl.arange(0, SIZE)
    keys_of = _load(key + group.to(tl.int64) * k_head, row, k_row, keys, D, WIDE)
    values = _load(value + group.to(tl.int64) * v_head, row, v_row, keys, DV, WIDE_V)
    sum_key = tl.zeros([SIZE, WIDE], SUM)
    sum_value = tl.zeros([SIZE, WIDE_V], SUM)
    for member in range(GROUP):
        head = group * GROUP + member
        query_at, grad_at = query + head.to(tl.int64) * q_head, grad + head * grad_head
        sum_key, sum_value = _keys_blocks(
            sum_key, sum_value, keys_of, values, query_at, grad_at, log + head * rows, common + head * rows,
            whole_starts, whole, index, head, row, end, position,
            q_row, grad_row, first, rows, keys, scaling, softcap, window, dropout, seed,
            False, CAUSAL, CAPPED, SLIDES, DROPS, SUM, D, DV, WIDE, WIDE_V, SIZE,
        )  # fmt: skip
        sum_key, sum_value = _keys_blocks(
            sum_key, sum_value, keys_of, values, query_at, grad_at, log + head * rows, common + head * rows,
            part_starts, part, index, head, row, end, position,
            q_row, grad_row, first, rows, keys, scaling, softcap, window, dropout, seed,
            True, CAUSAL, CAPPED, SLIDES, DROPS, SUM, D, DV, WIDE, WIDE_V, SIZE,
        )  # fmt: skip
    _store(grad_key + group * gk_head, row, gk_row, keys, sum_key * scaling, D, WIDE)
    _store(grad_value + group * gv_head, row, gv_row, keys, sum_value, DV, WIDE_V)


@triton.jit
def _queries_blocks(
    grad_query, query, key, value, grads, log, common, starts, blocks, index, head, q_row, end, position,
    k_row_stride, v_row_stride, keys, scaling, softcap, window, dropout, seed,
    MASKED: tl.constexpr, CAUSAL: tl.constexpr, CAPPED: tl.constexpr, SLIDES: tl.constexpr, DROPS: tl.constexpr,
    SUM: tl.constexpr, D: tl.constexpr, DV: tl.constexpr, WIDE: tl.constexpr, WIDE_V: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    for at in range(tl.load(starts + index), tl.load(starts + index + 1)):
        k_row = tl.load(blocks + at) * SIZE + tl.arange(0, SIZE)
        keys_of = _load(key, k_row, k_row_stride, keys, D, WIDE)
        scores, slope = _scores(query, keys_of, scaling, softcap, SUM, CAPPED)
        odds = tl.exp2(scores - log[:, None])
        if MASKED:
            allowed = _allowed(q_row[:, None], k_row[None, :], keys, end, position, window, CAUSAL, SLIDES)
            odds = tl.where(allowed, odds, 0.0)
        values = _load(value, k_row, v_row_stride, keys, DV, WIDE_V)
        grad_odds = tl.dot(grads, tl.trans(values), input_precision=PRECISION).to(SUM)
        if DROPS:
            grad_odds = grad_odds * _kept(q_row[:, None], k_row[None, :], keys, head, dropout, seed)
        grad_score = odds * (grad_odds - common[:, None])
        if CAPPED:
            grad_score = grad_score * slope
        grad_query += tl.dot(grad_score.to(keys_of.dtype), keys_of, input_precision=PRECISION).to(SUM)
    return grad_query


@triton.jit
def queries_kernel(
    query, key, value, grad, log, common, grad_query, whole_starts, whole, part_starts, part,
    grad_row, grad_head, gq_row, gq_head,
    q_head, q_row, k_head, k_row, v_head, v_row, end, position, first, rows, keys,
    scaling, softcap, window, dropout, seed,
    GROUP: tl.constexpr, CAUSAL: tl.constexpr, CAPPED: tl.constexpr, SLIDES: tl.constexpr, DROPS: tl.constexpr,
    SUM: tl.constexpr, D: tl.constexpr, DV: tl.constexpr, WIDE: tl.constexpr, WIDE_V: tl.constexpr,
    SIZE: tl.constexpr,
):  # fmt: skip
    """A block of queries of one head: their gradient."""
    index, head = tl.program_id(0), tl.program_id(1)
    row = index * SIZE + tl.arange(0, SIZE)
    queries = _load(query + head.to(tl.int64) * q_head, row, q_row, rows, D, WIDE)
    grads = _load(grad + head * grad_head, row, grad_row, rows, DV, WIDE_V)
    key += (head // GROUP).to(tl.int64) * k_head
    value += (head // GROUP).to(tl.int64) * v_head
    log_row = tl.load(log + head * rows + row, mask=row < rows, other=0.0)
    common_row = tl.load(common + head * rows + row, mask=row < rows, other=0.0)
    sums = tl.zeros([SIZE, WIDE], SUM)
    sums = _queries_blocks(
        sums, queries, key, value, grads, log_row, common_row, whole_starts, whole, index, head, first + row,
        end, position, k_row, v_row, keys, scaling, softcap, window, dropout, seed,
        False, CAUSAL, CAPPED, SLIDES, DROPS, SUM, D, DV, WIDE, WIDE_V, SIZE,
    )  # fmt: skip
    sums = _queries_blocks(
        sums, queries, key, value, grads, log_row, common_row, part_starts, part, index, head, first + row,
        end, position, k_row, v_row, keys, scaling, softcap, window, dropout, seed,
        True, CAUSAL, CAPPED, SLIDES, DROPS, SUM, D, DV, WIDE, WIDE_V, SIZE,
    )  # fmt: skip
    _store(grad_query + head * gq_head, row, gq_row, rows, sums * scaling, D, WIDE)
