"""A hub id, a local folder, a run's model or the embedded base -> model + tokenizer. Safetensors and JSON only."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import warnings
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import nn

from attune.errors import EnvironmentFault, ModelError
from attune.model.folder import VerifiedFolder, check_tokenizer, verify
from attune.recipe import EMBEDDED
from attune.tokens.batch import Batch, pad
from attune.tokens.render import Renderer
from attune.tokens.template import ChatTemplate

HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
STORED_DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
Head = Literal["causal", "classifier"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A verified place that a model can be loaded from.

    Attributes:
        name: what to call it in front of a person.
        folder: the model folder (for an adapter: the base's).
        adapter: folder of a LoRA adapter to put on it, or None.
    """

    name: str
    folder: Path
    architecture: str
    weight_files: tuple[Path, ...]
    adapter: Path | None = None

    @property
    def tokenizer_folder(self) -> Path:
        """Where tokenizer and template are read from: what was saved last."""
        return self.adapter or self.folder

    @property
    def generates(self) -> bool:
        """It predicts next tokens, so it can be asked for text without training."""
        return self.architecture.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration"))

    def fingerprint(self) -> str:
        """Hash of config, tokenizer and weights."""
        digest = hashlib.sha256()
        folders = [self.folder, *([self.adapter] if self.adapter else [])]
        for folder in folders:
            for path in sorted(folder.iterdir()):
                if path.suffix in {".json", ".safetensors", ".jinja", ".model", ".txt"} and path.is_file():
                    digest.update(path.name.encode())
                    with path.open("rb") as stream:
                        digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    def dtype(self) -> torch.dtype:
        """The precision that the weights are stored in (that of the config where there are none yet)."""
        for path in self.weight_files:
            with safe_open(path, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - not a mapping
                    dtype = tensors.get_slice(name).get_dtype()
                    if dtype in STORED_DTYPES:
                        return STORED_DTYPES[dtype]
        named = getattr(_config(self), "dtype", None)
        return named if isinstance(named, torch.dtype) else torch.float32


@dataclass(slots=True)
class LoadedModel:
    """A model and what is needed to speak with it.

    Attributes:
        module: the transformers model (with adapters inside when there are any).
        renderer: tokenizer, chat template and stop tokens.
        labels: class names in the order of the head's outputs; empty for a language model.
        whole_logits: the family's head is more than a projection, so `hidden` hands out logits (see `_probe_head`).
    """

    module: Any
    renderer: Renderer
    source: ModelSource
    labels: tuple[str, ...] = ()
    whole_logits: bool = False
    _scale: float = field(default=1.0, repr=False)
    _cap: float | None = field(default=None, repr=False)

    @property
    def transformer(self) -> Any:
        """The transformers model itself, also when peft has wrapped it."""
        return self.module.get_base_model() if hasattr(self.module, "get_base_model") else self.module

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        found: torch.device = next(self.module.parameters()).device
        return found

    def to(self, device: torch.device) -> LoadedModel:
        """The same model, its weights moved to a device."""
        self.module = self.module.to(device)
        return self

    @property
    def context_tokens(self) -> int:
        """Most tokens that the model's positions can hold."""
        return _context_tokens(self.transformer.config)

    @property
    def parameters_total(self) -> int:
        """Number of parameters, tied ones once."""
        return sum(p.numel() for p in self.module.parameters())

    def hidden(self, batch: Batch) -> torch.Tensor:
        """Last hidden states [T, D] (or logits [T, V] where `whole_logits`), padding removed.

        Right padding sits behind every real token, so the causal mask alone keeps it out and no mask is passed.
        """
        padded = pad(batch, self.renderer.pad_id, self.context_tokens)
        if self.whole_logits:
            out_NLV = self.transformer(input_ids=padded.input_ids_NL, use_cache=False).logits
            logits_TV: torch.Tensor = out_NLV[padded.row_T, padded.column_T]
            return logits_TV
        out_NLD = self.transformer.base_model(input_ids=padded.input_ids_NL, use_cache=False).last_hidden_state
        hidden_TD: torch.Tensor = out_NLD[padded.row_T, padded.column_T]
        return hidden_TD

    def project(self, hidden_SD: torch.Tensor) -> torch.Tensor:
        """Vocabulary logits [S, V] of hidden rows, with the family's scaling and soft cap."""
        if self.whole_logits:
            return hidden_SD
        logits_SV: torch.Tensor = self.transformer.get_output_embeddings()(hidden_SD) * self._scale
        return self._cap * torch.tanh(logits_SV / self._cap) if self._cap else logits_SV

    def head_parameters(self) -> list[nn.Parameter]:
        """Parameters that `project` reads."""
        return [] if self.whole_logits else list(self.transformer.get_output_embeddings().parameters())

    def class_logits(self, batch: Batch) -> torch.Tensor:
        """Class logits [N, C] of a model with a classification head."""
        padded = pad(batch, self.renderer.pad_id, self.context_tokens)
        out: torch.Tensor = self.transformer(
            input_ids=padded.input_ids_NL, attention_mask=padded.attention_mask_NL
        ).logits
        return out


def resolve(reference: str | None, *, run_model: Path | None = None, weights: bool = True) -> ModelSource:
    """Find and verify the model that `reference` names; nothing is loaded yet.

    Args:
        reference: None for the embedded base, a folder, or a hub id ("owner/name", optionally "@revision").
        run_model: the `model/` folder of the run that `reference` names, when it names one.
        weights: False accepts a folder of config and tokenizer alone (random initialisation).

    Raises:
        ModelError: the folder is unsafe, damaged or missing.
        EnvironmentFault: the hub cannot be reached.
    """
    if reference is None or reference == EMBEDDED:
        return _from_folder(EMBEDDED, embedded_folder(), weights=True)
    folder = run_model or Path(reference).expanduser()
    if folder.is_dir():
        return _from_folder(reference, folder, weights)
    if re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", reference):
        return _from_folder(reference, _download(reference), weights)
    raise ModelError("there is no such model", where=reference, fix="give a folder, a run, or a hub id owner/name")


def embedded_folder() -> Path:
    """Folder of the small base model that the package carries."""
    return Path(str(resources.files("attune") / "assets" / "base"))


def load(
    source: ModelSource,
    *,
    head: Head = "causal",
    labels: tuple[str, ...] = (),
    init: Literal["pretrained", "random"] = "pretrained",
    dtype: torch.dtype = torch.float32,
    attention: Literal["eager", "sdpa"] | None = None,
    seed: int = 0,
) -> LoadedModel:
    """Load a verified model with its tokenizer.

    Args:
        head: "causal" predicts tokens, "classifier" puts a classification head with `labels` on the trunk.
        labels: class names of a new head; empty with "classifier" means those of the saved one.
        init: "random" takes config and tokenizer and draws new weights from `seed`.
        dtype: of every weight.
        attention: how attention is computed; None lets transformers choose.

    Raises:
        ModelError: the architecture is unknown, weights are missing, or the tokenizer does not fit.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    _check_generates(source, head)
    config = _config(source)
    # A head may be new when labels are given, or when the adapter's folder holds its weights.
    new_head = head == "classifier" and (bool(labels) or source.adapter is not None)
    if head == "classifier":
        labels = labels or _labels_of(source)
        config.num_labels = len(labels)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: i for i, label in enumerate(labels)}
    auto = transformers.AutoModelForCausalLM if head == "causal" else transformers.AutoModelForSequenceClassification
    renderer = load_renderer(source)
    if config.pad_token_id is None:
        config.pad_token_id = renderer.pad_id
    torch.manual_seed(seed)
    try:
        if init == "random":
            module = auto.from_config(config, trust_remote_code=False, dtype=dtype)
        else:
            module = _from_pretrained(auto, source, config, dtype, new_head=new_head)
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
    if attention is not None:
        module.set_attn_implementation(attention)
    if source.adapter is not None:
        import peft

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft asks the module for attributes that transformers deprecates
            module = peft.PeftModel.from_pretrained(module, str(source.adapter), autocast_adapter_dtype=False)
        module = module.to(dtype=dtype)
    module.eval()
    loaded = LoadedModel(module, renderer, source, labels if head == "classifier" else ())
    if head == "causal":
        _probe_head(loaded)
    return loaded


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
    return _context_tokens(_config(source))


def count_parameters(source: ModelSource, *, head: Head, labels: tuple[str, ...]) -> int:
    """Parameters of the model with this head, tied ones once; no weight is read and no memory is taken."""
    import transformers

    _check_generates(source, head)
    config = _config(source)
    auto = transformers.AutoModelForCausalLM
    if head == "classifier":
        auto, config.num_labels = transformers.AutoModelForSequenceClassification, len(labels)
    try:
        with torch.device("meta"):
            module = auto.from_config(config, trust_remote_code=False)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(
            f"transformers has no {head} model for {source.architecture}",
            where=str(source.folder),
            fix="choose a model whose architecture suits the task",
        ) from error
    return sum(parameter.numel() for parameter in module.parameters())


def _check_generates(source: ModelSource, head: Head) -> None:
    """Transformers would load an encoder as a language model that sees the tokens it predicts."""
    if head == "causal" and not source.generates:
        raise ModelError(
            f"{source.architecture} does not write text",
            where=str(source.folder),
            fix="choose a model that predicts next tokens (...ForCausalLM), or the task classify",
        )


def _context_tokens(config: Any) -> int:
    limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    # These families count positions from behind the padding id.
    offset = 2 if config.model_type in {"roberta", "xlm-roberta", "camembert"} else 0
    return int(limit) - offset if limit else 1 << 30


def _from_folder(name: str, folder: Path, weights: bool) -> ModelSource:
    verified: VerifiedFolder = verify(folder, weights=weights)
    if verified.kind == "model":
        return ModelSource(name, verified.path, verified.architecture, verified.weight_files)
    if not verified.base:
        raise ModelError("the adapter does not say which base it belongs to", where=str(folder), fix="name the base")
    # The embedded base moves with the package: an adapter that was trained elsewhere finds it all the same.
    moved = not Path(verified.base).exists() and Path(verified.base).parts[-3:] == embedded_folder().parts[-3:]
    base = resolve(None if moved else verified.base)
    return ModelSource(name, base.folder, base.architecture, base.weight_files, adapter=verified.path)


def _download(reference: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = reference.partition("@")
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision or None, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise EnvironmentFault(
            f"the hub did not give the model: {str(error).strip().splitlines()[0]}",
            where=reference,
            fix="check the name and the network, or give a local folder",
        ) from error


def _config(source: ModelSource) -> Any:
    import transformers

    try:
        return transformers.AutoConfig.from_pretrained(
            str(source.folder), trust_remote_code=False, local_files_only=True
        )
    except (ValueError, KeyError, OSError, TypeError) as error:
        raise ModelError(
            f"transformers does not know this config: {str(error).strip().splitlines()[0]}",
            where=str(source.folder / "config.json"),
            fix="the architecture must be one that ships with transformers",
        ) from error


def _labels_of(source: ModelSource) -> tuple[str, ...]:
    """Class names of a saved classifier; an adapter's folder keeps them in a config of its own."""
    named = source if source.adapter is None else dataclasses.replace(source, folder=source.adapter)
    config = _config(named)
    return tuple(str(config.id2label[i]) for i in sorted(config.id2label))


def _from_pretrained(auto: Any, source: ModelSource, config: Any, dtype: torch.dtype, *, new_head: bool) -> Any:
    """Weights of a folder. A weight that the folder lacks is an error, but for a new classification head."""
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
    return module


def _generation_stops(folder: Path) -> list[int]:
    path = folder / "generation_config.json"
    if not path.is_file():
        return []
    stops = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
    return [int(i) for i in (stops if isinstance(stops, list) else [stops]) if i is not None]


@torch.no_grad()
def _probe_head(model: LoadedModel) -> None:
    """Check that "hidden states, projection, scale, cap" gives the family's own logits; else hand out whole logits.

    Families add a scale or a soft cap to their logits under names of their own. Rather than trust a list of names,
    both ways are computed once on a few tokens. Half precision may round the two apart.
    """
    transformer, config = model.transformer, model.transformer.config
    text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
    model._cap = getattr(text_config, "final_logit_softcapping", None)
    if getattr(text_config, "logits_scaling", None):
        model._scale = 1.0 / text_config.logits_scaling
    if getattr(text_config, "logit_scale", None):
        model._scale = float(text_config.logit_scale)
    ids_NL = torch.arange(4, device=model.device)[None] % text_config.vocab_size
    whole = transformer(input_ids=ids_NL, use_cache=False).logits[0].float()
    try:
        hidden = transformer.base_model(input_ids=ids_NL, use_cache=False).last_hidden_state[0]
        tolerance = 1e-3 if hidden.dtype in {torch.float32, torch.float64} else 2e-2
        same = torch.allclose(model.project(hidden).float(), whole, rtol=tolerance, atol=1e-3)
    except (AttributeError, TypeError, RuntimeError):
        same = False
    model.whole_logits = not same
