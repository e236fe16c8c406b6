"""The loss and its gradient are those of the plain loop: one example at a time, the model's own logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from families import tiny
from torch import nn

from attune.model.load import load
from attune.model.loaded import LoadedModel
from attune.model.source import resolve
from attune.tokens.batch import Batch, collate
from attune.tokens.sequence import Sequence
from attune.train import loss as losses
from attune.train.loss import label_cross_entropy, token_cross_entropy

VOCABULARY = 40


def sequences(vocabulary: int, seed: int = 0, *, weights: tuple[float, ...] = (0.0, 0.5, 1.0)) -> list[Sequence]:
    """Five sequences of unequal length; the second has no target, the last is one token long."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for i, length in enumerate((9, 4, 13, 6, 1)):
        ids = torch.randint(0, vocabulary, (length,), generator=generator).tolist()
        drawn = [weights[int(k)] for k in torch.randint(0, len(weights), (length,), generator=generator)]
        made.append(Sequence(f"e{i}", tuple(ids), (0.0, *(drawn[1:] if i != 1 else [0.0] * 3))))
    return made


class Bigram(nn.Module):
    """The smallest language model with the parts that matter: embedding, trunk, and a head that may be tied to it."""

    def __init__(self, *, tied: bool, frozen: bool, cap: float | None = None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embedding = nn.Embedding(VOCABULARY, 8, dtype=torch.float64)
        self.trunk = nn.Linear(8, 8, dtype=torch.float64)
        self.output = nn.Linear(8, VOCABULARY, bias=not tied, dtype=torch.float64)
        if tied:
            self.output.weight = self.embedding.weight
        if frozen:
            self.output.requires_grad_(False)
        self.cap = cap

    def target_hidden(self, batch: Batch) -> torch.Tensor:
        return torch.tanh(self.trunk(self.embedding(batch.input_ids_T)))[batch.source_S]

    def project(self, hidden_SD: torch.Tensor) -> torch.Tensor:
        logits_SV = self.output(hidden_SD)
        return self.cap * torch.tanh(logits_SV / self.cap) if self.cap else logits_SV

    def head_parameters(self) -> list[torch.Tensor]:
        return list(self.output.parameters())

    def class_logits(self, batch: Batch) -> torch.Tensor:
        raise NotImplementedError


def gradients(module: nn.Module) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    module.zero_grad()
    return found


@pytest.mark.parametrize("cap", [None, 0.7])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 256])
def test_loss_and_gradients_equal_plain_cross_entropy(
    monkeypatch: pytest.MonkeyPatch, tied: bool, frozen: bool, cap: float | None, rows: int
) -> None:
    monkeypatch.setitem(losses.CHUNK_BYTES, "cpu", rows * VOCABULARY * 8)
    monkeypatch.setitem(losses.BLOCK_ELEMENTS, "cpu", 2 * VOCABULARY)
    model = Bigram(tied=tied, frozen=frozen, cap=cap)
    batch = collate(sequences(VOCABULARY))
    found = token_cross_entropy(model, batch)
    (found.nats * 0.37).backward()
    ours = gradients(model)

    logits_SV = model.project(model.target_hidden(batch))
    nats_S = F.cross_entropy(logits_SV, batch.target_S, reduction="none") * batch.weight_S
    (nats_S.sum() * 0.37).backward()
    plain = gradients(model)

    assert ours.keys() == plain.keys()
    assert ("output.weight" in ours) is (not frozen and not tied)
    torch.testing.assert_close(found.nats, nats_S.sum(), rtol=1e-10, atol=1e-10)
    for name, gradient in plain.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-10, atol=1e-10, msg=name)


def test_sums_per_sequence() -> None:
    model, made = Bigram(tied=False, frozen=False), sequences(VOCABULARY)
    whole = token_cross_entropy(model, collate(made))
    for i, one in enumerate(made):
        alone = token_cross_entropy(model, collate([one]))
        torch.testing.assert_close(whole.nats_N[i], alone.nats_N[0], rtol=1e-10, atol=0.0)
        assert whole.weight_N[i] == one.target_weight
        assert whole.correct_N[i] == alone.correct_N[0]
    assert float(whole.nats.detach()) == pytest.approx(float(whole.nats_N.sum()))
    assert whole.weight == pytest.approx(float(whole.weight_N.sum()))
    assert whole.nats_N[1] == whole.weight_N[1] == 0.0, "no target, no loss"


def test_hits_are_counted_by_weight() -> None:
    model = Bigram(tied=False, frozen=False)
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.zero_()
        model.output.bias[7] = 1.0
    batch = collate([Sequence("a", (1, 7, 2, 7), (0.0, 0.5, 1.0, 1.0))])
    assert token_cross_entropy(model, batch).correct_N.tolist() == [1.5]


def test_a_batch_without_targets_has_no_loss() -> None:
    found = token_cross_entropy(Bigram(tied=False, frozen=False), collate([Sequence("a", (1, 2), (0.0, 0.0))]))
    found.nats.backward()
    assert (float(found.nats.detach()), found.weight) == (0.0, 0.0)


def test_no_gradient_is_computed_where_none_is_asked_for() -> None:
    with torch.no_grad():
        found = token_cross_entropy(Bigram(tied=False, frozen=False), collate(sequences(VOCABULARY)))
    assert not found.nats.requires_grad


# Whatever stands between the trunk and the loss, in strengths that cannot be overlooked.
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen3": {"tie_word_embeddings": True},
    "mistral": {},
    "phi3": {},
    "olmo2": {},
    "gemma2": {"final_logit_softcapping": 2.0, "query_pre_attn_scalar": 8},
    "granite": {"logits_scaling": 6.0, "embedding_multiplier": 3.0, "residual_multiplier": 0.5},
    "cohere": {},
    "gpt2": {},
}


@pytest.fixture(scope="module")
def family(bpe: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., LoadedModel]:
    """Saves an untrained model of the family and loads it as the program does."""
    from transformers import AutoModelForCausalLM

    def make(name: str, dtype: torch.dtype = torch.float64) -> LoadedModel:
        folder = tmp_path_factory.mktemp("family") / name
        tokenizer = bpe()
        config = tiny(name, vocab_size=len(tokenizer), initializer_range=0.3, **FAMILIES[name])
        torch.manual_seed(2)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return load(resolve(str(folder)), dtype=dtype)

    return make


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_the_loss_of_its_own_logits(family: Callable[..., LoadedModel], name: str) -> None:
    model = family(name)
    assert not model.whole_logits, "the projection is computed only where there is a target"
    made = sequences(model.module.config.vocab_size)
    together = token_cross_entropy(model, collate(made))
    together.nats.backward()
    ours = gradients(model.module)

    total = torch.zeros((), dtype=torch.float64)
    for row, s in enumerate(made):
        ids_NL, weights_L = torch.tensor([s.input_ids]), torch.tensor(s.weights, dtype=torch.float64)
        logits_LV = model.module(input_ids=ids_NL, attention_mask=torch.ones_like(ids_NL)).logits[0]
        nats_L = F.cross_entropy(logits_LV[:-1], ids_NL[0, 1:], reduction="none") * weights_L[1:]
        torch.testing.assert_close(together.nats_N[row], nats_L.sum().detach(), rtol=1e-6, atol=1e-9)
        total = total + nats_L.sum()
    total.backward()
    plain = gradients(model.module)
    torch.testing.assert_close(together.nats.detach(), total.detach(), rtol=1e-6, atol=0.0)
    assert ours.keys() == plain.keys()
    for key, gradient in plain.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(ours[key], gradient, rtol=1e-5, atol=1e-5 * max(scale, 1e-6), msg=key)


@pytest.mark.parametrize("name", FAMILIES)
def test_rounding_to_bf16_does_not_cost_the_fast_head(family: Callable[..., LoadedModel], name: str) -> None:
    assert not family(name, torch.bfloat16).whole_logits


def test_a_head_that_is_more_than_a_projection_is_noticed(family: Callable[..., LoadedModel]) -> None:
    model = family("llama")
    output = model.module.lm_head
    output.register_forward_hook(lambda module, args, logits: logits + 1.0 if args[0].ndim == 3 else logits)
    model = LoadedModel.of(model.module, model.renderer, model.source)
    assert model.whole_logits
    made = sequences(model.module.config.vocab_size)
    token_cross_entropy(model, collate(made)).nats.backward()
    assert output.weight.grad is not None


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_padding_changes_no_class_loss(tiny_decoder: Path, tiny_encoder: Path, kind: str) -> None:
    folder = tiny_decoder if kind == "decoder" else tiny_encoder
    model = load(resolve(str(folder)), head="classifier", labels=("a", "b", "c"), seed=3)
    texts = ["Ada sells two blue cups.", "Emil.", "Dora finds the kitchen door near the station."]
    made = []
    for i, text in enumerate(texts):
        ids = tuple(model.renderer.ids(text, special=True))
        made.append(Sequence(f"e{i}", ids, (0.0,) * len(ids), label=i))
    together = label_cross_entropy(model, collate(made))
    together.nats.backward()
    ours = gradients(model.module)
    total = torch.zeros(())
    for row, s in enumerate(made):
        logits_NC = model.module(input_ids=torch.tensor([s.input_ids])).logits
        nats = F.cross_entropy(logits_NC, torch.tensor([s.label]))
        torch.testing.assert_close(together.nats_N[row], nats.detach(), rtol=1e-5, atol=1e-6)
        assert int(together.predicted_N[row]) == int(logits_NC.argmax())
        assert float(together.confidence_N[row]) == pytest.approx(float(logits_NC.detach().softmax(-1).max()), rel=1e-5)
        total = total + nats
    total.backward()
    plain = gradients(model.module)
    assert together.weight == 3.0
    for key, gradient in plain.items():
        torch.testing.assert_close(ours[key], gradient, rtol=1e-4, atol=1e-5, msg=key)


@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_smoothing_shapes_the_gradient_and_not_the_reported_loss(smoothing: float) -> None:
    model, batch = Bigram(tied=False, frozen=False, cap=0.7), collate(sequences(VOCABULARY))
    found = token_cross_entropy(model, batch, smoothing)
    found.nats.backward()
    ours = gradients(model)
    logits_SV = model.project(model.target_hidden(batch))
    smooth_S = F.cross_entropy(logits_SV, batch.target_S, reduction="none", label_smoothing=smoothing)
    (smooth_S * batch.weight_S).sum().backward()
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-10, atol=1e-10, msg=name)
    plain = token_cross_entropy(model, batch)
    torch.testing.assert_close(found.nats_N, plain.nats_N)


def test_smoothing_of_labels(tiny_decoder: Path) -> None:
    model = load(resolve(str(tiny_decoder)), head="classifier", labels=("a", "b", "c"), seed=3)
    batch = collate([Sequence("a", (4, 5), (0.0, 0.0), 1), Sequence("b", (6,), (0.0,), 2)])
    found, plain = label_cross_entropy(model, batch, 0.3), label_cross_entropy(model, batch)
    wanted = F.cross_entropy(model.class_logits(batch), batch.label_N, reduction="sum", label_smoothing=0.3)
    torch.testing.assert_close(found.nats, wanted)
    torch.testing.assert_close(found.nats_N, plain.nats_N)
    assert float(found.nats.detach()) != pytest.approx(float(plain.nats.detach()))


def test_nothing_is_prepared_for_a_backward_that_will_not_come() -> None:
    heard: list[bool] = []

    class Listening(Bigram):
        def project(self, hidden_SD: torch.Tensor) -> torch.Tensor:
            heard.append(torch.is_grad_enabled())
            return super().project(hidden_SD)

    model, batch = Listening(tied=True, frozen=False), collate(sequences(VOCABULARY))
    with torch.no_grad():
        token_cross_entropy(model, batch)
    token_cross_entropy(model, batch)
    assert heard == [False, True]
