"""Our random numbers drop what torch's would, in the same share and with the same gradient."""

from __future__ import annotations

import pytest
import torch

from attune.model.dropout import Dropout, kept, quicken


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.97])
def test_the_share_is_right_and_the_mean_stays(share: float) -> None:
    torch.manual_seed(0)
    mask, scale = kept(torch.Size([1001, 333]), share, torch.device("cpu"))
    assert float(mask.double().mean()) == pytest.approx(1 - share, abs=0.003)
    assert float(mask.double().mean()) * scale == pytest.approx(1.0, rel=0.03)
    # No row and no column is special.
    assert float(mask.double().mean(0).std()) < 0.03 and float(mask.double().mean(1).std()) < 0.05


def test_the_draw_follows_torchs_generator() -> None:
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append([kept(torch.Size([50]), 0.5, torch.device("cpu"))[0] for _ in range(2)])
    assert torch.equal(drawn[0][0], drawn[1][0]) and torch.equal(drawn[0][1], drawn[1][1])
    assert not torch.equal(drawn[0][0], drawn[2][0]) and not torch.equal(drawn[0][0], drawn[0][1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_what_is_dropped_has_no_gradient(dtype: torch.dtype) -> None:
    given = torch.randn(64, 32, dtype=dtype, requires_grad=True)
    out = Dropout(0.25)(given)
    out.sum().backward()
    assert out.dtype == dtype and given.grad is not None
    dropped = out == 0
    assert 0.2 < float(dropped.double().mean()) < 0.3
    assert torch.equal(given.grad == 0, dropped)
    torch.testing.assert_close(out, given * given.grad)


def test_no_dropout_in_evaluation_and_for_none() -> None:
    given = torch.randn(8)
    assert Dropout(0.5).eval()(given) is given
    assert Dropout(0.0)(given) is given
    assert not Dropout(1.0)(given).any()


def test_every_dropout_of_a_model_is_replaced() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ModuleDict({"a": torch.nn.Dropout(0.3)}))
    quicken(model)
    assert [(type(p), p.p) for p in model.modules() if isinstance(p, torch.nn.Dropout)] == [(Dropout, 0.3)]


def test_almost_everything_dropped_is_not_everything() -> None:
    mask, scale = kept(torch.Size([1 << 20]), 1 - 1e-9, torch.device("cpu"))
    assert 0 < int(mask.sum()) < 100 and scale == 65_536
