"""A verified model folder -> model + tokenizer. Safetensors and JSON only; no code that comes with a model is run."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any, Literal

import torch

from attune.errors import ModelError
from attune.model.folder import check_tokenizer
from attune.model.loaded import LoadedModel, cast_parameters, positions_of
from attune.model.source import ModelSource, config_of
from attune.tokens.render import Renderer
from attune.tokens.template import ChatTemplate

Head = Literal["causal", "classifier"]


def load(
    source: ModelSource,
    *,
    head: Head = "causal",
    labels: tuple[str, ...] = (),
    init: Literal["pretrained", "random"] = "pretrained",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> LoadedModel:
    """Load a verified model with its tokenizer.

    Args:
        head: "causal" predicts tokens, "classifier" puts a classification head with `labels` on the trunk.
        labels: class names of a new head; empty with "classifier" means those of the saved one.
        init: "random" takes config and tokenizer and draws new weights from `seed`.
        dtype: of every weight.

    Raises:
        ModelError: the architecture is unknown, weights are missing, or the tokenizer does not fit.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    _check_generates(source, head)
    config = config_of(source)
    # A head may be new when labels are given, or when the adapter's folder holds its weights.
    new_head = head == "classifier" and (bool(labels) or source.adapter is not None)
    if head == "classifier":
        labels = labels or _labels_of(source)
        config.num_labels = len(labels)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: i for i, label in enumerate(labels)}
    auto = transformers.AutoModelForCausalLM if head == "causal" else transformers.AutoModelForSequenceClassification
    renderer = load_renderer(source)
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = renderer.pad_id
    torch.manual_seed(seed)
    drawn: tuple[str, ...] = ()
    try:
        if init == "random":
            module = auto.from_config(config, trust_remote_code=False, dtype=dtype)
        else:
            module, drawn = _from_pretrained(auto, source, config, dtype, new_head=new_head)
    except (ValueError, KeyError, OSError, RuntimeError, AttributeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"transformers cannot load it as a {head} model: {reason}",
            where=str(source.folder),
            fix="check that config and weights belong together and that the architecture suits the task",
        ) from error
    check_tokenizer(
        renderer.vocabulary_tokens, module.get_input_embeddings().weight.shape[0], str(source.tokenizer_folder)
    )
    if head == "classifier" and getattr(config, "is_encoder_decoder", False):
        _check_ends(source, renderer, config)
    if source.adapter is not None:
        import peft

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft asks the module for attributes that transformers deprecates
            module = peft.PeftModel.from_pretrained(module, str(source.adapter), autocast_adapter_dtype=False)
        cast_parameters(module, dtype)
    module.eval()
    return LoadedModel.of(module, renderer, source, labels if head == "classifier" else (), drawn)


def load_renderer(source: ModelSource) -> Renderer:
    """Tokenizer, chat template and stop tokens of a verified model; no weights are read."""
    import transformers

    folder = source.tokenizer_folder
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(folder), trust_remote_code=False, local_files_only=True, use_fast=True
            )
    except Exception as error:
        # The tokenizers library raises bare Exception for a broken tokenizer.json.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"the tokenizer cannot be loaded: {reason}", where=str(folder), fix="the folder needs a tokenizer.json"
        ) from error
    if not tokenizer.is_fast:
        raise ModelError("only a fast tokenizer is supported", where=str(folder), fix="save it as tokenizer.json")
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    stop_ids = [tokenizer.eos_token_id, *_generation_stops(source.folder), *_generation_stops(folder)]
    return Renderer(
        tokenizer,
        ChatTemplate(template, special) if template else None,
        stop_ids=tuple(dict.fromkeys(int(i) for i in stop_ids if i is not None)),
        where=str(folder),
    )


def context_tokens(source: ModelSource) -> int:
    """Most tokens that the model's positions can hold; nothing is loaded."""
    return positions_of(config_of(source))


def empty_module(source: ModelSource, *, head: Head, labels: tuple[str, ...]) -> Any:
    """The model with this head, shapes without content: no weight is read and no memory is taken.

    Raises:
        ModelError: transformers has no such model.
    """
    import transformers

    _check_generates(source, head)
    config = config_of(source)
    auto = transformers.AutoModelForCausalLM
    if head == "classifier":
        auto, config.num_labels = transformers.AutoModelForSequenceClassification, len(labels)
    try:
        with torch.device("meta"):
            return auto.from_config(config, trust_remote_code=False)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(
            f"transformers has no {head} model for {source.architecture}",
            where=str(source.folder),
            fix="choose a model whose architecture suits the task",
        ) from error


def count_parameters(source: ModelSource, *, head: Head, labels: tuple[str, ...]) -> int:
    """Parameters of the model with this head, tied ones once."""
    return sum(parameter.numel() for parameter in empty_module(source, head=head, labels=labels).parameters())


def _check_generates(source: ModelSource, head: Head) -> None:
    """Transformers would load an encoder as a language model that sees the tokens it predicts."""
    if head == "causal" and source.rewrites:
        raise ModelError(
            f"{source.architecture} is an encoder with a decoder, which no task of text can train yet",
            where=str(source.folder),
            fix="choose a model that predicts next tokens (...ForCausalLM)",
        )
    if head == "causal" and not source.generates:
        raise ModelError(
            f"{source.architecture} does not write text",
            where=str(source.folder),
            fix="choose a model that predicts next tokens (...ForCausalLM), or the task classify",
        )


def _check_ends(source: ModelSource, renderer: Renderer, config: Any) -> None:
    if renderer.ids("a", special=True)[-1] != config.eos_token_id:
        raise ModelError(
            f"{source.architecture} classifies a text by its end token, which the tokenizer does not write",
            where=str(source.tokenizer_folder),
            fix="give the tokenizer a post-processor that puts its end token behind every text",
        )


def _labels_of(source: ModelSource) -> tuple[str, ...]:
    """Class names of a saved classifier; an adapter's folder keeps them in a config of its own."""
    named = source if source.adapter is None else dataclasses.replace(source, folder=source.adapter)
    config = config_of(named)
    return tuple(str(config.id2label[i]) for i in sorted(config.id2label))


def _from_pretrained(
    auto: Any, source: ModelSource, config: Any, dtype: torch.dtype, *, new_head: bool
) -> tuple[Any, tuple[str, ...]]:
    """Weights of a folder, and the names of those that were drawn since the folder lacks them.

    That is an error, but for a new classification head.
    """
    module, info = auto.from_pretrained(
        str(source.folder),
        config=config,
        dtype=dtype,
        trust_remote_code=False,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=new_head,
    )
    trunk = f"{module.base_model_prefix}."
    missing = [
        name for name in info["missing_keys"] if not new_head or (name.startswith(trunk) and "pooler" not in name)
    ]
    mismatched = [item[0] for item in info.get("mismatched_keys", []) if str(item[0]).startswith(trunk)]
    if missing or mismatched:
        named = ", ".join(sorted(missing + mismatched)[:5])
        raise ModelError(
            f"{len(missing) + len(mismatched)} weights are missing or of another shape: {named}",
            where=str(source.folder),
            fix="the folder is incomplete, or its config is of another model",
        )
    return module, tuple(sorted({*info["missing_keys"], *(str(item[0]) for item in info.get("mismatched_keys", []))}))


def _generation_stops(folder: Path) -> list[int]:
    path = folder / "generation_config.json"
    if not path.is_file():
        return []
    stops = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
    return [int(i) for i in (stops if isinstance(stops, list) else [stops]) if i is not None]
