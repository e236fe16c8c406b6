"""A rehearsal measures real steps and leaves no trace in the weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from test_loop import METHODS, sequences

from attune.errors import Interrupted
from attune.events import silent
from attune.model.adapt import adapt
from attune.model.load import load
from attune.model.source import resolve
from attune.recipe import Training
from attune.train.device import DTYPES, Masters
from attune.train.loop import Job
from attune.train.loss import token_cross_entropy
from attune.train.rehearsal import _whole_work, rehearse

TRAINING = Training(
    epochs=2, batch_size=4, learning_rate=1e-2, evaluate_every=5, checkpoint_every=5, microbatch_tokens=64
)


def job_of(folder: Path, precision: str) -> tuple[Job, Masters]:
    model = load(resolve(str(folder)))
    adapt(model, METHODS["lora"], 0)
    masters = Masters(model.module, DTYPES[precision])
    missing = Path("nowhere")
    return Job(model, token_cross_entropy, TRAINING, sequences(40), sequences(8), missing, silent), masters


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_weights_stay_as_they_are(tiny_decoder: Path, precision: str) -> None:
    job, masters = job_of(tiny_decoder, precision)
    before = {name: p.detach().clone() for name, p in masters.module.named_parameters()}
    found = rehearse(job, masters, seconds=1.0)
    for name, parameter in masters.module.named_parameters():
        assert torch.equal(parameter, before[name])
    assert found.steps >= 4
    assert found.seconds > 0 and found.tokens_per_second > 0 and found.peak_bytes > 1e6
    assert not list(masters.gradients())


def test_all_steps_are_counted(tiny_decoder: Path) -> None:
    job, _ = job_of(tiny_decoder, "fp32")
    once = _whole_work(dataclasses.replace(job, training=TRAINING.model_copy(update={"epochs": 1})), 64)
    # Each step's rows are rounded up, so other steps in another epoch count a little differently.
    assert _whole_work(job, 64) == pytest.approx(2 * once, rel=0.2)
    assert once >= 0.5 * sum(len(s.input_ids) for s in job.train)


def test_a_request_to_stop_is_heard(tiny_decoder: Path) -> None:
    job, masters = job_of(tiny_decoder, "fp32")
    with pytest.raises(Interrupted):
        rehearse(dataclasses.replace(job, stop=lambda: True), masters)
