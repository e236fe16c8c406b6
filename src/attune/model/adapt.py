"""What of a model is trained, and how what was trained is saved: all of it, adapters, the last layers, or a head."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from attune.errors import EnvironmentFault, ModelError
from attune.model.dropout import quicken
from attune.model.loaded import LoadedModel, cast_parameters, samples
from attune.model.source import ModelSource
from attune.recipe import Method


def full(model: LoadedModel, method: Method) -> Any:
    """Every weight is trained."""
    for parameter in model.module.parameters():
        parameter.requires_grad_(True)
    return model.module


def lora(model: LoadedModel, method: Method) -> Any:
    """Low-rank adapters (Hu et al. 2021) on every linear layer of the trunk; a classification head is trained whole."""
    import peft

    assert method.alpha is not None
    parts = _head_parts(model)
    config = peft.LoraConfig(
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules="all-linear",
        task_type="SEQ_CLS" if model.labels else "CAUSAL_LM",
        modules_to_save=parts or None,
        exclude_modules=rf"(.*\.)?({'|'.join(map(re.escape, parts))})(\..*)?" if parts else None,
    )
    try:
        return peft.get_peft_model(model.module, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise ModelError(
            f"LoRA does not fit this architecture: {error}", where=str(model.source.folder), fix="use method.kind: full"
        ) from error


def _head_parts(model: LoadedModel) -> list[str]:
    """Modules of a classifier that stand outside of its trunk, and those inside of it that were drawn for it.

    All of them are saved with an adapter: the base's folder does not have them.
    """
    if not model.labels:
        return []
    module = model.transformer
    trunk = module.base_model_prefix
    parts = [name for name, part in module.named_children() if name != trunk and any(True for _ in part.parameters())]
    # "bert.pooler.dense.weight" was drawn for the part "pooler" of the trunk.
    inside = (name.split(".")[1] for name in model.drawn if name.startswith(f"{trunk}."))
    return list(dict.fromkeys([*parts, *inside]))


def head(model: LoadedModel, method: Method) -> Any:
    """The trunk is frozen. What is trained: the classification head, or a language model's output projection."""
    module = model.module
    if model.labels:
        trunk = getattr(module, module.base_model_prefix)
        for name, parameter in trunk.named_parameters(prefix=module.base_model_prefix):
            parameter.requires_grad_(name in model.drawn)
        return module
    output = module.get_output_embeddings()
    if output.weight is module.get_input_embeddings().weight:
        # Tied to the input embedding, which belongs to the frozen trunk: the head gets weights of its own.
        output.weight = nn.Parameter(output.weight.detach().clone())
        module.config.tie_word_embeddings = False
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    for parameter in output.parameters():
        parameter.requires_grad_(True)
    return module


def top(model: LoadedModel, method: Method) -> Any:
    """The last layers are trained with what stands above them, but for a projection that is tied to the embeddings."""
    assert method.layers
    module, layers = model.module, model.layers
    if method.layers >= len(layers):
        raise ModelError(
            f"method.layers is {method.layers}, and the model has {len(layers)} layers",
            where=str(model.source.folder),
            fix="train fewer layers, or all by method.kind: full",
        )
    trained = layers[len(layers) - method.layers :]
    above = {*_used_behind(model, trained[0]), *trained.parameters()}
    for parameter in module.parameters():
        parameter.requires_grad_(parameter in above)
    return module


@torch.no_grad()
def _used_behind(model: LoadedModel, layer: nn.Module) -> set[nn.Parameter]:
    """The parameters that a forward uses from a layer on, but for those that it used before, as tied ones are.

    Where nothing can be computed, they are told by the order in which the family's code names its parts.
    """
    named = list(model.module.parameters())
    lowest = next(layer.parameters())
    declared = named[next(place for place, parameter in enumerate(named) if parameter is lowest) :]
    if lowest.is_meta:
        return set(declared)
    before: set[nn.Parameter] = set()
    behind: set[nn.Parameter] = set()
    entered: list[bool] = []

    def use(module: nn.Module, given: Any) -> None:
        if module is layer:
            entered.append(True)
        (behind if entered else before).update(module.parameters(recurse=False))

    hooks = [module.register_forward_pre_hook(use) for module in model.module.modules()]
    try:
        model.transformer(input_ids=torch.tensor([samples(model)[0].input_ids], device=lowest.device))
    finally:
        for hook in hooks:
            hook.remove()
    return behind - before


METHODS: dict[str, Callable[[LoadedModel, Method], Any]] = {"full": full, "lora": lora, "top": top, "head": head}


def adapt(model: LoadedModel, method: Method, seed: int) -> None:
    """Make the model trainable by the method; new weights are drawn from `seed`."""
    assert method.kind is not None
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.module = METHODS[method.kind](model, method)
    quicken(model.module)


def save(model: LoadedModel, folder: Path, dtype: torch.dtype, *, chat: bool = False) -> None:
    """Write weights (or adapter), tokenizer, template and stop tokens; plain transformers and peft can load them.

    An adapter that was trained on top of another adapter is merged, since it has no base folder of its own.

    Args:
        dtype: of saved full weights; adapters are small and are saved as they are trained.
        chat: it was trained to chat, so a model that came without a template keeps the plain one it was trained with.
    """
    if model.source.adapter is not None:
        merge(model)
    module, renderer = model.module, model.renderer
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if hasattr(module, "get_base_model"):
            module.save_pretrained(str(folder))
            model.transformer.config.save_pretrained(str(folder))  # the labels of a classifier stand nowhere else
            _name_base(folder, model)
        else:
            cast_parameters(module, dtype)
            module.save_pretrained(str(folder))
        tokenizer = renderer.tokenizer
        tokenizer.chat_template = None if renderer.plain and not chat else renderer.template_source
        tokenizer.save_pretrained(str(folder))
        _write_stops(folder, renderer.stop_ids)
    except (OSError, SafetensorError) as error:  # safetensors hands on a full disk as its own error
        reason = getattr(error, "strerror", None) or error
        raise EnvironmentFault(
            f"the model could not be written: {reason}",
            where=str(folder),
            fix="free some space on this disk, and check that you may write there",
        ) from error


def merge(model: LoadedModel) -> None:
    """Fold the adapter into the weights; the model is then an ordinary one."""
    if hasattr(model.module, "merge_and_unload"):
        model.module = model.module.merge_and_unload()


@contextmanager
def without_adapter(model: LoadedModel) -> Iterator[None]:
    """While open, the model computes as the base that its adapter stands on."""
    with model.module.disable_adapter() if hasattr(model.module, "disable_adapter") else nullcontext():
        yield


def reload_adapter(model: LoadedModel, saved: ModelSource) -> None:
    """Read a saved adapter into a model that has one of the same kind, in the precision that the model computes in."""
    import peft

    assert saved.adapter is not None
    dtype = model.transformer.get_input_embeddings().weight.dtype
    peft.set_peft_model_state_dict(model.module, load_file(saved.adapter / "adapter_model.safetensors"))
    cast_parameters(model.module, dtype)


def _name_base(folder: Path, model: LoadedModel) -> None:
    """The adapter says which base folder it belongs to, so that peft finds it without help."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = str(model.source.folder.resolve())
    if isinstance(config.get("target_modules"), list):  # peft keeps a set, whose order is another in each process
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write_stops(folder: Path, stop_ids: tuple[int, ...]) -> None:
    """Keep the stop tokens with the model, where every server looks for them."""
    path = folder / "generation_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    config["eos_token_id"] = list(stop_ids)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
