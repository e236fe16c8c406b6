"""Which models are loaded, and which are refused by name of what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from families import tiny
from safetensors.torch import load_file, save_file

from attune.errors import ModelError
from attune.model.load import context_tokens, count_parameters, load, load_renderer
from attune.model.source import resolve
from attune.tokens.batch import collate
from attune.tokens.sequence import Sequence
from attune.train.loss import label_cross_entropy, token_cross_entropy


@pytest.fixture
def decoder(tiny_decoder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_decoder, tmp_path / "decoder"))


@pytest.fixture
def encoder(tiny_encoder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))


def edit(folder: Path, file: str = "config.json", **values: Any) -> Path:
    path = folder / file
    tree = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in tree.items() if value is not ...}))
    return folder


def refused(folder: Path, message: str, **options: Any) -> ModelError:
    with pytest.raises(ModelError, match=message) as caught:
        load(resolve(str(folder)), **options)
    assert caught.value.fix
    return caught.value


def test_a_decoder_is_loaded_as_transformers_has_it(decoder: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = load(resolve(str(decoder)))
    plain = AutoModelForCausalLM.from_pretrained(decoder)
    ids_NL = torch.tensor([[4, 5, 6, 7]])
    assert torch.equal(model.module(input_ids=ids_NL).logits, plain(input_ids=ids_NL).logits)
    assert not model.module.training
    assert model.labels == ()
    assert model.context_tokens == context_tokens(resolve(str(decoder))) == 256
    assert model.parameters_total == count_parameters(model.source, head="causal", labels=()) == plain.num_parameters()


def test_the_stored_precision_is_known_without_loading(decoder: Path) -> None:
    assert resolve(str(decoder)).dtype() == torch.float32
    weights = decoder / "model.safetensors"
    save_file({k: v.bfloat16() for k, v in load_file(weights).items()}, weights, {"format": "pt"})
    assert resolve(str(decoder)).dtype() == torch.bfloat16


@pytest.mark.parametrize("missing", ["pad_token", "both"])
def test_a_missing_pad_token_is_filled_by_another_that_no_loss_reads(decoder: Path, missing: str) -> None:
    wanted = load(resolve(str(decoder)))
    made = [
        Sequence("a", (5, 6, 7, wanted.renderer.end_id), (0.0, 0.0, 1.0, 1.0)),
        Sequence("b", (8, 9), (0.0, 1.0)),
    ]
    edit(decoder, "tokenizer_config.json", pad_token=...)
    edit(decoder, pad_token_id=None)
    if missing == "both":
        edit(decoder, "tokenizer_config.json", eos_token=...)
    model = load(resolve(str(decoder)))
    assert model.renderer.tokenizer.pad_token_id is None
    assert model.renderer.pad_id == (0 if missing == "both" else model.renderer.end_id)
    ours, theirs = (token_cross_entropy(m, collate(made)) for m in (model, wanted))
    torch.testing.assert_close(ours.nats_N, theirs.nats_N, rtol=1e-6, atol=1e-6)


def test_a_pad_token_that_is_the_end_token_hides_no_target(decoder: Path) -> None:
    edit(decoder, "tokenizer_config.json", pad_token="<|im_end|>")
    model = load(resolve(str(decoder)))
    end = model.renderer.end_id
    assert model.renderer.pad_id == end
    made = [Sequence("a", (5, 6, end), (0.0, 1.0, 1.0)), Sequence("b", (5, 6, 7, 8, 9, end), (0.0,) * 5 + (1.0,))]
    together = token_cross_entropy(model, collate(made))
    assert together.weight == 3.0
    for row, one in enumerate(made):
        alone = token_cross_entropy(model, collate([one]))
        torch.testing.assert_close(together.nats_N[row], alone.nats_N[0], rtol=1e-5, atol=1e-6)


def test_a_tokenizer_without_an_end_token_is_named(decoder: Path) -> None:
    edit(decoder, "tokenizer_config.json", eos_token=...)
    with pytest.raises(ModelError, match="no end token"):
        _ = load_renderer(resolve(str(decoder))).end_id


def test_stop_tokens_come_from_tokenizer_config_and_template(decoder: Path) -> None:
    (decoder / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    renderer = load_renderer(resolve(str(decoder)))
    assert set(renderer.stop_ids) == {renderer.end_id, 7, 9}
    assert not renderer.plain


def test_a_folder_without_a_template_is_plain(plain_decoder: Path) -> None:
    assert load_renderer(resolve(str(plain_decoder))).plain


def test_an_embedding_that_is_too_small_for_the_tokenizer_is_refused(decoder: Path, bpe: Callable[..., Any]) -> None:
    bpe(special=("<|im_start|>", "<|im_end|>", "<|pad|>", *(f"<|{i}|>" for i in range(500)))).save_pretrained(decoder)
    error = refused(decoder, "tokenizer")
    assert str(decoder) in error.where


def test_missing_weights_are_named(decoder: Path) -> None:
    weights = decoder / "model.safetensors"
    tensors = load_file(weights)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, weights, {"format": "pt"})
    refused(decoder, r"1 weights are missing.*model\.layers\.1\.mlp\.up_proj\.weight")


@pytest.mark.parametrize("head", ["causal", "classifier"])
def test_weights_of_another_shape_are_named(decoder: Path, head: str) -> None:
    edit(decoder, intermediate_size=48)
    refused(decoder, "mlp|size mismatch|shape", head=head, labels=("a", "b") if head == "classifier" else ())


def test_damaged_weights_are_refused(decoder: Path) -> None:
    weights = decoder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError):
        load(resolve(str(decoder)))


def test_a_damaged_tokenizer_is_refused(decoder: Path) -> None:
    (decoder / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": 3}}')
    refused(decoder, "tokenizer cannot be loaded")


@pytest.mark.parametrize("architecture", ["BertModel", "BertForMaskedLM"])
def test_an_encoder_is_refused_where_text_is_to_be_written(encoder: Path, architecture: str) -> None:
    from transformers import BertConfig, BertForMaskedLM

    if architecture == "BertForMaskedLM":
        BertForMaskedLM(BertConfig.from_pretrained(encoder)).save_pretrained(encoder)
    source = resolve(str(encoder))
    assert not source.generates
    refused(encoder, f"{architecture} does not write text")
    with pytest.raises(ModelError, match=architecture):
        count_parameters(source, head="causal", labels=())


def test_an_architecture_that_transformers_does_not_know_is_named(decoder: Path) -> None:
    edit(decoder, model_type="zebra", architectures=["ZebraForCausalLM"])
    refused(decoder, "zebra")


def test_a_name_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        resolve(str(tmp_path / "absent"))


def test_an_adapter_without_its_base_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    tree: dict[str, Any] = {"peft_type": "LORA", "r": 2}
    save_file({"base_model.model.x.lora_A.weight": torch.ones(2, 2)}, folder / "adapter_model.safetensors")
    for base, message in ((None, "which base"), (str(tmp_path / "gone"), "no such model")):
        (folder / "adapter_config.json").write_text(json.dumps({**tree, "base_model_name_or_path": base}))
        with pytest.raises(ModelError, match=message):
            resolve(str(folder))


def test_random_weights_are_drawn_from_the_seed(decoder: Path) -> None:
    (decoder / "model.safetensors").unlink()
    source = resolve(str(decoder), weights=False)

    def drawn(seed: int) -> torch.Tensor:
        weight: torch.Tensor = load(source, init="random", seed=seed).module.get_input_embeddings().weight
        return weight

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_a_new_classification_head_is_drawn_from_the_seed(tiny_decoder: Path, tiny_encoder: Path, kind: str) -> None:
    source = resolve(str(tiny_decoder if kind == "decoder" else tiny_encoder))

    def logits(seed: int) -> torch.Tensor:
        model = load(source, head="classifier", labels=("no", "yes", "perhaps"), seed=seed)
        assert model.labels == ("no", "yes", "perhaps")
        with torch.no_grad():
            out: torch.Tensor = model.module(input_ids=torch.tensor([[5, 6, 7]])).logits
        return out

    assert logits(0).shape == (1, 3)
    assert torch.equal(logits(0), logits(0))
    assert not torch.equal(logits(0), logits(1))


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_every_position_can_be_used_where_they_are_no_round_number(
    tmp_path: Path, encoder: Path, bpe: Callable[..., Any], kind: str
) -> None:
    """Learned positions end where they end: padding to a rounded length must not reach beyond."""
    from transformers import BertConfig, BertModel, GPT2LMHeadModel

    ids, label = tuple(range(3, 24)), 1 if kind == "encoder" else None
    sequence = Sequence("a", ids, (0.0,) * 20 + (0.0 if label else 1.0,), label)
    if kind == "encoder":
        config = BertConfig.from_pretrained(encoder)
        config.max_position_embeddings = 21
        BertModel(config).save_pretrained(encoder)
        model = load(resolve(str(encoder)), head="classifier", labels=("a", "b"))
        assert label_cross_entropy(model, collate([sequence])).weight == 1.0
    else:
        tokenizer = bpe()
        tokenizer.save_pretrained(tmp_path)
        GPT2LMHeadModel(tiny("gpt2", vocab_size=len(tokenizer), n_positions=21)).save_pretrained(tmp_path)
        model = load(resolve(str(tmp_path)))
        assert token_cross_entropy(model, collate([sequence])).weight == 1.0
    assert model.context_tokens == 21


def test_a_folder_without_a_head_is_no_classifier_by_itself(encoder: Path) -> None:
    refused(encoder, "weights are missing.*classifier", head="classifier")


def test_a_fingerprint_follows_every_byte(decoder: Path) -> None:
    before = resolve(str(decoder)).fingerprint()
    assert resolve(str(decoder)).fingerprint() == before
    weights = decoder / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert resolve(str(decoder)).fingerprint() != before
