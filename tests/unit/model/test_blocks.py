"""The kernels for a GPU, run by Triton's interpreter: values and gradients equal dense attention, in fp64."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from families import build
from hypothesis import given, settings
from hypothesis import strategies as st
from rules import HEADS, dense, forest, plan_of, seen, tensors
from test_families import check, everything_in_fp64  # noqa: F401  # a fixture

from attune.model import attention
from attune.model.attention import Plan, attend
from attune.tokens.batch import collate
from attune.tokens.sequence import Sequence

# Whether functions are interpreted is decided when Triton and the kernels are imported.
with pytest.MonkeyPatch.context() as environment:
    environment.setenv("TRITON_INTERPRET", "1")
    pytest.importorskip("triton", reason="Triton is for Linux alone")
    from attune.model import blocks


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")


@pytest.mark.parametrize(("window", "cap"), [(None, None), (7, 1.5)])
@pytest.mark.parametrize("kind", ["tree", "loners", "documents"])
def test_values_and_gradients(kind: str, cap: float | None, window: int | None) -> None:
    plan = plan_of(kind, 1)
    rows, real = len(plan.rule.end_T), plan.rule.rows
    found, wanted = tensors(rows), tensors(rows)
    out, _ = attend(torch.nn.Identity(), *found, None, sliding_window=window, softcap=cap, plan=plan)
    ((kernel, _),) = plan._works.values()
    assert kernel.__name__ == "BlockAttention"
    same = dense(*wanted, seen(plan.rule, window), cap)
    torch.testing.assert_close(out[:, :real], same[:, :real], rtol=1e-10, atol=1e-12)
    slope = torch.randn_like(out)
    slope[:, real:] = 0.0
    out.backward(slope)
    same.backward(slope)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-11)


def test_widths_that_are_no_power_of_two_and_values_of_their_own_width() -> None:
    plan = plan_of("tree", 2)
    rows = len(plan.rule.end_T)
    torch.manual_seed(0)
    drawn = [torch.randn(1, h, rows, w, dtype=torch.float64) for h, w in ((2, 24), (1, 24), (1, 20))]
    found, wanted = ([part.clone().requires_grad_() for part in drawn] for _ in range(2))
    out, _ = attend(torch.nn.Identity(), *found, None, scaling=0.1, plan=plan)
    scores = (wanted[0] @ wanted[1].transpose(2, 3) * 0.1).masked_fill(~seen(plan.rule, None), float("-inf"))
    same = (scores.softmax(-1) @ wanted[2]).transpose(1, 2)
    slope = torch.randn_like(out)
    slope[:, plan.rule.rows :] = 0.0
    torch.testing.assert_close(out[:, : plan.rule.rows], same[:, : plan.rule.rows])
    out.backward(slope)
    same.backward(slope)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_rows_that_are_known_are_read_and_not_computed() -> None:
    batch = forest(3)
    whole = Plan.of(batch, causal=True)
    query, key, value = (part.detach() for part in tensors(len(whole.rule.end_T)))
    wanted, _ = attend(torch.nn.Identity(), query, key, value, None, plan=whole)
    plan = Plan.of(batch, causal=True, known=[(key[0, :, :64], value[0, :, :64])])
    found, _ = attend(torch.nn.Identity(), query[:, :, 64:], key[:, :, 64:], value[:, :, 64:], None, plan=plan)
    torch.testing.assert_close(found, wanted[:, 64:])


def test_dropout_has_the_same_mask_forward_and_backward() -> None:
    """Values of one-hot rows show what is left of each probability; the rest is then ordinary arithmetic."""
    plan = plan_of("documents", 0)
    rows, real = len(plan.rule.end_T), plan.rule.rows
    torch.manual_seed(0)
    query, key = (torch.randn(1, 1, rows, 8, dtype=torch.float64) for _ in range(2))
    value = torch.eye(rows, dtype=torch.float64)[None, None]

    def ours(*parts: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)
        return attend(torch.nn.Identity(), *parts, None, dropout=0.25, plan=plan)[0]

    found, wanted = ([part.clone().requires_grad_() for part in (query, key, value)] for _ in range(2))
    used = ours(*found).detach()[0, :, 0]
    probability = ((query @ key.transpose(2, 3))[0, 0] * 8**-0.5).masked_fill(~seen(plan.rule, None), float("-inf"))
    mask = torch.where(used > 0, used / probability.softmax(-1), 0.0)
    assert mask[used > 0].allclose(torch.tensor(4 / 3, dtype=torch.float64))
    share = (used > 0)[seen(plan.rule, None)].double().mean()
    assert float(share) == pytest.approx(0.75, abs=0.01)
    scores = (wanted[0] @ wanted[1].transpose(2, 3) * 8**-0.5).masked_fill(~seen(plan.rule, None), float("-inf"))
    same = ((scores.softmax(-1) * mask) @ wanted[2]).transpose(1, 2)
    slope = torch.randn_like(same)
    slope[:, real:] = 0.0
    ours(*found).backward(slope)
    same.backward(slope)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-11)


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=40), min_size=1, max_size=12),
    st.sampled_from([None, 1, 5, 30]),
    st.booleans(),
    st.sampled_from([4, 8, 24]),
)
@settings(deadline=None, max_examples=200)
def test_blocks_that_the_rule_lets_meet_do_meet(
    rows: list[list[int]], window: int | None, causal: bool, size: int
) -> None:
    sequences = [Sequence(str(i), tuple(ids), (0.0,) * len(ids)) for i, ids in enumerate(rows)]
    rule = Plan.of(collate(sequences, layout="tree" if causal else "packed"), causal=causal).rule
    meet, whole = blocks.meetings(rule, window, size)
    allowed = seen(rule, window).numpy()
    begins = np.arange(0, len(allowed), size)
    for i, q in enumerate(begins):
        for j, k in enumerate(begins):
            part = allowed[q : q + size, k : k + size]
            assert meet[i, j] or not part.any()
            assert part.all() or not whole[i, j]
            assert meet[i, j] or not whole[i, j]


@pytest.mark.usefixtures("everything_in_fp64")
@pytest.mark.parametrize("family", ["qwen3", "gemma2", "gpt2"])
def test_families(family: str) -> None:
    check(family, 1, classifies=False)


@pytest.mark.usefixtures("everything_in_fp64")
def test_an_encoder() -> None:
    check("modernbert", 0, classifies=True)


def test_kernels_that_fail_are_left_alone_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __getitem__(self, grid: Any) -> Any:
            raise RuntimeError("out of resource: shared memory\nmore")

    blocks.fault.cache_clear()
    plan = plan_of("tree", 0)
    parts = [part.detach() for part in tensors(len(plan.rule.end_T))]
    with monkeypatch.context() as patched, pytest.warns(UserWarning, match="slowly: out of resource: shared memory$"):
        patched.setattr(blocks, "forward_kernel", Broken())
        attend(torch.nn.Identity(), *parts, None, plan=plan)
    ((kernel, _),) = plan._works.values()
    assert kernel is attention.TileAttention
    blocks.fault.cache_clear()


def test_kernels_that_give_something_else_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks.fault.cache_clear()
    kept = blocks.meetings
    asked = {"causal": True, "window": None, "softcap": None, "dropout": 0.0}
    with monkeypatch.context() as patched:  # no block is masked
        patched.setattr(blocks, "meetings", lambda *given: (kept(*given)[0], kept(*given)[0]))
        text = blocks.fault(torch.float64, torch.device("cpu"), (HEADS, 2), 8, **asked)
    assert text == "the kernels give other values than torch's own operations"
    blocks.fault.cache_clear()


def test_the_trial_leaves_no_trace_in_the_random_numbers() -> None:
    blocks.fault.cache_clear()
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    with torch.inference_mode():
        asked = {"causal": False, "window": 9, "softcap": 2.0, "dropout": 0.5}
        assert not blocks.fault(torch.float64, torch.device("cpu"), (4, 2), 8, **asked)
    assert torch.equal(torch.rand(4), wanted)


COMPILED = """
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from attune.model import kernels

kinds = {**dict.fromkeys(("log", "common"), "*fp32"), **dict.fromkeys(("scaling", "softcap", "dropout"), "fp32")}
kinds |= dict.fromkeys(("query", "key", "value", "out", "grad", "grad_key", "grad_value", "grad_query"), "*bf16")
kinds |= dict.fromkeys(("whole_starts", "whole", "part_starts", "part", "end", "position"), "*i32")
known = {"GROUP": 2, "SUM": tl.float32, **dict.fromkeys(("D", "DV", "WIDE", "WIDE_V", "SIZE"), 64)}
known |= dict.fromkeys(("CAUSAL", "CAPPED", "SLIDES", "DROPS"), True)
for kernel in (kernels.forward_kernel, kernels.keys_kernel, kernels.queries_kernel):
    names = kernel.arg_names
    signature = {name: "constexpr" if name in known else kinds.get(name, "i32") for name in names}
    source = ASTSource(kernel, signature, {(names.index(name),): value for name, value in known.items()})
    made = compile(source, GPUTarget("cuda", 80, 32), {"num_warps": 4, "num_stages": 2})
    assert made.asm["cubin"] and made.metadata.shared <= 99 * 1024, made.metadata.shared
"""


def test_they_compile_for_real_hardware(tmp_path: Any) -> None:
    """To machine code, and into the fast memory that most GPUs have; no GPU is needed for that."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"} | {"TRITON_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", COMPILED], check=True, env=environment)


def test_memory_is_counted_without_a_kernel() -> None:
    model = build("qwen3")
    model.module.to("meta")
    batch = collate([Sequence("a", (1, 2, 3), (0.0, 1.0, 1.0))], layout="tree")
    model.outline(batch)
