"""A model in memory: what it computes for a batch, laid out as the model's family allows.

The fast way is one row of tokens without padding: a prefix tree for models that predict tokens, sequences end to end
for encoders. Whether a family can do that exactly is not taken from a list of names but computed once, on a few tokens,
beside each sequence by itself; see `_choose_layout`. The padded rectangle is what every model takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from collections.abc import Sequence as Series
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from attune.errors import ModelError
from attune.model import attention
from attune.model.source import ModelSource
from attune.tokens.batch import ROW_MULTIPLE, Batch, Layout, Padded, collate, pad, padded_length, rounded
from attune.tokens.render import Renderer
from attune.tokens.sequence import Sequence

# These families count positions from behind the padding id.
OFFSET_POSITIONS = {
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert", "data2vec-text"),
    *("esm", "ibert", "lilt", "longformer", "luke", "markuplm", "mpnet"),
}
# Of these ways to turn positions into angles, the angles depend on the longest sequence that is computed at once.
LENGTH_ROPES = {"dynamic", "longrope"}


class SeesAheadError(ModelError):
    """A model whose class names it a language model sees the tokens that it should predict."""


@dataclass(slots=True)
class LoadedModel:
    """A model and what is needed to speak with it.

    Attributes:
        module: the transformers model (with adapters inside when there are any).
        renderer: tokenizer, chat template and stop tokens.
        labels: class names in the order of the head's outputs; empty for a language model.
        layout: how it computes a batch.
        layout_reason: why it is not the fast way; empty when it is.
        whole_logits: the family's head is more than a projection, so `hidden` hands out logits.
        causal: a token sees only what stands before it.
        drawn: names of the parameters that the folder lacks, which were drawn for a new head.
        alone_beyond: sequences of more tokens are computed by themselves, since others beside them would change what
            the family computes; None where none would.
    """

    module: Any
    renderer: Renderer
    source: ModelSource
    labels: tuple[str, ...] = ()
    layout: Layout = "padded"
    layout_reason: str = ""
    whole_logits: bool = False
    causal: bool = True
    drawn: tuple[str, ...] = ()
    alone_beyond: int | None = None
    _scale: float = field(default=1.0, repr=False)
    _cap: float | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        module: Any,
        renderer: Renderer,
        source: ModelSource,
        labels: tuple[str, ...] = (),
        drawn: tuple[str, ...] = (),
    ) -> LoadedModel:
        """The model, with its family's head and layout found out.

        Raises:
            SeesAheadError: it is no language model, though its class says so.
        """
        model = cls(module, renderer, source, labels, drawn=drawn)
        model.causal = _is_causal(model)
        if not labels:
            _probe_head(model)
        elif model.transformer.config.model_type not in OFFSET_POSITIONS:
            # Heads of decoders read the last token that is no padding, as the config names it.
            _text_config(model.transformer.config).pad_token_id = renderer.pad_id
        _choose_layout(model)
        return model

    @classmethod
    def sketch(cls, module: Any, renderer: Renderer, source: ModelSource, labels: tuple[str, ...] = ()) -> LoadedModel:
        """A model without content, on torch's meta device: nothing can be tried out, so its layout is a guess."""
        model = cls(module, renderer, source, labels)
        model.causal = _is_causal(model)
        if not _obstacle(model):
            attention.register()
            with suppress(ValueError, KeyError):
                model.transformer.set_attn_implementation(attention.NAME)
                model.layout = "tree" if model.causal else "packed"
        return model

    @property
    def transformer(self) -> Any:
        """The transformers model itself, also when peft has wrapped it."""
        return self.module.get_base_model() if hasattr(self.module, "get_base_model") else self.module

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        found: torch.device = next(self.module.parameters()).device
        return found

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        found: torch.dtype = next(self.module.parameters()).dtype
        return found

    def to(self, device: torch.device) -> LoadedModel:
        """The same model, its weights moved to a device."""
        self.module = self.module.to(device)
        return self

    @property
    def context_tokens(self) -> int:
        """Most tokens that the model's positions can hold."""
        return positions_of(self.transformer.config)

    @property
    def layers(self) -> nn.ModuleList:
        """Its layers, from the lowest up.

        Raises:
            ModelError: they do not stand in one list.
        """
        count = _text_config(self.transformer.config).num_hidden_layers
        for part in self.transformer.base_model.modules():
            if isinstance(part, nn.ModuleList) and len(part) == count:
                return part
        raise ModelError(
            "this architecture has no single list of layers", where=str(self.source.folder), fix="use method.kind: full"
        )

    @property
    def parameters_total(self) -> int:
        """Number of parameters, tied ones once."""
        return sum(p.numel() for p in self.module.parameters())

    def checkpoint_activations(self) -> None:
        """Keep only the states between layers for the backward, and compute each layer once more there."""
        enable = getattr(self.transformer, "activation_checkpointing_enable", None)
        enable = enable or self.transformer.gradient_checkpointing_enable  # its name before transformers 5.20
        enable({"use_reentrant": False})

    def outline(self, batch: Batch) -> None:
        """Go through the model with a batch of this shape and no content; only on torch's meta device."""
        if self.layout != "padded":
            rows = rounded(len(batch.input_ids_T), ROW_MULTIPLE)
            plan = attention.Plan.of(batch, causal=self.causal, device=self.device)
            ids_T = torch.empty(rows, dtype=torch.long, device=self.device)
            self.rows(ids_T, ids_T, plan)
            return
        longest = max(len(s.input_ids) for s in batch.sequences)
        longest = longest if self.alone_beyond == 0 else padded_length(longest)
        ids_NL = torch.empty(
            len(batch.sequences), min(longest, self.context_tokens), dtype=torch.long, device=self.device
        )
        self.transformer(input_ids=ids_NL)

    def hidden(self, batch: Batch) -> torch.Tensor:
        """Last hidden states [T, D] of the batch's tokens (or logits [T, V] where `whole_logits`)."""
        if self.layout != "padded":
            return self.read(batch, attention.Plan.of(batch, causal=self.causal))
        padded = self._padded(batch)
        # Right padding sits behind every real token, so a causal mask alone keeps it out; an encoder needs to be told.
        mask = {"use_cache": False} if self.causal else {"attention_mask": padded.attention_mask_NL}
        out_NLD = self._trunk(input_ids=padded.input_ids_NL, **mask)
        hidden_TD: torch.Tensor = out_NLD[padded.row_T, padded.column_T]
        return hidden_TD

    def target_hidden(self, batch: Batch) -> torch.Tensor:
        """Hidden states [S, D] of the rows that have targets."""
        return self.hidden(batch)[batch.source_S]

    def pooled(self, batch: Batch) -> torch.Tensor:
        """Hidden states [N, D] of the token of each sequence that a classification head reads."""
        return self.hidden(batch)[batch.last_N if self.causal else batch.first_N]

    def project(self, hidden_SD: torch.Tensor) -> torch.Tensor:
        """Vocabulary logits [S, V] of hidden rows, with the family's scaling and soft cap."""
        if self.whole_logits:
            return hidden_SD
        logits_SV: torch.Tensor = self.transformer.get_output_embeddings()(hidden_SD)
        if self._scale != 1.0:
            logits_SV = logits_SV * self._scale
        return self._cap * torch.tanh(logits_SV / self._cap) if self._cap else logits_SV

    def head_parameters(self) -> list[nn.Parameter]:
        """Parameters that `project` reads."""
        return [] if self.whole_logits else list(self.transformer.get_output_embeddings().parameters())

    def class_logits(self, batch: Batch) -> torch.Tensor:
        """Class logits [N, C] of a model with a classification head."""
        if self.layout != "padded":
            return self.classify(self.pooled(batch))
        padded = self._padded(batch)
        out: torch.Tensor = self.transformer(
            input_ids=padded.input_ids_NL, attention_mask=padded.attention_mask_NL
        ).logits
        return out

    def classify(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        """Class logits [N, C] by the family's own head, from the states that `pooled` gives."""
        hidden_N1D = hidden_ND[:, None]
        trunk = self.transformer.base_model
        pooler = getattr(trunk, "pooler", None)
        one_N1 = torch.full((len(hidden_N1D), 1), (self.renderer.pad_id + 1) % 2, device=hidden_N1D.device)
        with _answering(trunk, hidden_N1D, pooler(hidden_N1D) if pooler is not None else None):
            logits: torch.Tensor = self.transformer(input_ids=one_N1).logits
        return logits

    def _padded(self, batch: Batch) -> Padded:
        return pad(batch, self.renderer.pad_id, self.context_tokens, exactly=self.alone_beyond == 0)

    def _trunk(self, **given: Any) -> torch.Tensor:
        """The trunk's last hidden states [N, L, D], or the logits of a family whose head cannot be taken apart."""
        if self.whole_logits:
            logits: torch.Tensor = self.transformer(**given).logits
            return logits
        hidden: torch.Tensor = self.transformer.base_model(**given).last_hidden_state
        return hidden

    def read(self, batch: Batch, plan: attention.Plan) -> torch.Tensor:
        """Hidden states of a batch as one row of tokens, [T, D] without the rows that the plan knows already."""
        rows = len(batch.input_ids_T)
        extra = (0, rounded(rows, ROW_MULTIPLE) - rows)  # rows that see themselves alone and that nobody reads
        ids_T = F.pad(batch.input_ids_T[plan.first :], extra, value=self.renderer.pad_id)
        position_ids_T = F.pad(batch.position_ids_T[plan.first :], extra).to(ids_T.device)
        return self.rows(ids_T, position_ids_T, plan)[: rows - plan.first]

    def rows(self, input_ids_T: torch.Tensor, position_ids_T: torch.Tensor, plan: attention.Attends) -> torch.Tensor:
        """Hidden states [T, D] of tokens at these positions, which see what the plan lets them see."""
        config = self.transformer.config
        offset = _position_offset(config)
        given: dict[str, Any] = {"use_cache": False} if self.causal else {}
        if not self.causal and "token_type_ids" in inspect.signature(self.transformer.base_model.forward).parameters:
            given["token_type_ids"] = torch.zeros_like(input_ids_T[None])
        return self._trunk(
            input_ids=input_ids_T[None],
            position_ids=position_ids_T[None] + offset,
            # A mask of four axes is taken as made already, so transformers makes none; the plan says who sees whom.
            attention_mask=torch.ones(1, 1, 1, 1, dtype=torch.bool, device=input_ids_T.device),
            plan=plan,
            **given,
        )[0]


def cast_parameters(module: nn.Module, dtype: torch.dtype) -> None:
    """Weights to another precision. Buffers, such as the frequencies of rotary positions, keep theirs."""
    for parameter in module.parameters():
        parameter.data = parameter.data.to(dtype)


def positions_of(config: Any) -> int:
    """Most tokens that the positions of a model of this config can hold."""
    offset = _position_offset(config)
    config = _text_config(config)
    limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return int(limit) - offset if limit and limit > 0 else 1 << 30  # some say -1 where there is no limit


def _position_offset(config: Any) -> int:
    """Where the family's first position is."""
    padding = getattr(config, "pad_token_id", None)
    return (1 if padding is None else int(padding)) + 1 if config.model_type in OFFSET_POSITIONS else 0


@contextmanager
def _answering(trunk: Any, hidden_N1D: torch.Tensor, pooled_ND: torch.Tensor | None) -> Iterator[None]:
    """While open, the trunk answers every call with these states, so that the head above it can be used alone."""
    from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

    answer = BaseModelOutputWithPoolingAndCrossAttentions(last_hidden_state=hidden_N1D, pooler_output=pooled_ND)
    trunk.forward = lambda *args, **kwargs: answer if kwargs.get("return_dict", True) else answer.to_tuple()
    try:
        yield
    finally:
        del trunk.forward


def _is_causal(model: LoadedModel) -> bool:
    return not model.labels or any(getattr(part, "is_causal", False) for part in model.transformer.modules())


def _text_config(config: Any) -> Any:
    return config.get_text_config() if hasattr(config, "get_text_config") else config


@torch.no_grad()
def _probe_head(model: LoadedModel) -> None:
    """Check that "hidden states, projection, scale, cap" gives the family's own logits; else hand out whole logits.

    Families add a scale or a soft cap to their logits under names of their own. Rather than trust a list of names,
    both ways are computed once on a few tokens. Half precision may round the two apart. What two sequences have in
    common must also have the same logits in both: an encoder's would tell the next token.
    """
    transformer, config = model.transformer, _text_config(model.transformer.config)
    model._cap = getattr(config, "final_logit_softcapping", None)
    if getattr(config, "logits_scaling", None):
        model._scale = 1.0 / config.logits_scaling
    if getattr(config, "logit_scale", None):
        model._scale = float(config.logit_scale)
    middle = config.vocab_size // 2  # special tokens stand at either end
    ids_NL = torch.tensor([[0, 1, 2, 3], [0, 1, 2, 4]], device=model.device).add(middle) % config.vocab_size
    whole = transformer(input_ids=ids_NL, use_cache=False).logits.float()
    tolerance = 1e-3 if model.dtype in {torch.float32, torch.float64} else 2e-2
    if not torch.allclose(whole[0, :-1], whole[1, :-1], rtol=tolerance, atol=1e-3, equal_nan=True):
        raise SeesAheadError(
            f"{type(transformer).__name__} does not write text: it sees the tokens that it should predict",
            where=str(model.source.folder),
            fix="choose a model that predicts next tokens (...ForCausalLM), or the task classify",
        )
    try:
        hidden = transformer.base_model(input_ids=ids_NL, use_cache=False).last_hidden_state
        found = model.project(hidden.flatten(0, 1)).float()
        same = torch.allclose(found, whole.flatten(0, 1), rtol=tolerance, atol=1e-3)
    except (AttributeError, TypeError, RuntimeError):
        same = False
    model.whole_logits = not same


def _choose_layout(model: LoadedModel) -> None:
    """Take the fast layout where it is exact; else keep the family's own attention and say why."""
    before = model.transformer.config._attn_implementation
    layout: Layout = "tree" if model.causal else "packed"
    reason = _obstacle(model)
    if not reason:
        attention.register()
        try:
            model.transformer.set_attn_implementation(attention.NAME)
            reason = _difference(model, layout)
        except (ValueError, KeyError) as error:  # the class refuses attention functions that it does not know
            reason = str(error).splitlines()[0]
    ropes = _ropes(_text_config(model.transformer.config))
    if LENGTH_ROPES & ropes.keys():
        model.alone_beyond = min(ropes[kind] for kind in LENGTH_ROPES & ropes.keys())
    if reason:
        model.transformer.set_attn_implementation(before)
        layout = "padded"
    model.layout, model.layout_reason = layout, reason
    if reason and _padding_reaches(model):
        model.alone_beyond = 0
        model.layout_reason = f"{reason}; padding changes what it computes, so each sequence is computed by itself"


def _ropes(config: Any) -> dict[str, int]:
    """Kinds of rotary positions, and the tokens up to which each computes as it was pretrained."""
    held = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    kinds = [part for part in (held, *held.values()) if isinstance(part, dict)]
    whole = getattr(config, "original_max_position_embeddings", None) or positions_of(config)
    return {
        str(part.get("rope_type", part.get("type"))): int(part.get("original_max_position_embeddings") or whole)
        for part in kinds
    }


@torch.no_grad()
def _padding_reaches(model: LoadedModel) -> bool:
    """Whether a few short sequences in a padded rectangle come out otherwise than each by itself."""
    sequences = samples(model)
    batch = collate(sequences, model.device, "padded")
    try:
        wanted = _alone(model, sequences)
        found = model.class_logits(batch) if model.labels else model.hidden(batch)[batch.last_N]
    except (ModelError, TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError):
        return False  # nothing is known; its training says what is wrong
    tolerance = 1e-4 if found.dtype in {torch.float64, torch.float32} else 5e-2
    return bool((found - wanted).abs().max() > tolerance * wanted.abs().max())


def _obstacle(model: LoadedModel) -> str:
    """Why the rule cannot express this family, as far as its class and config tell."""
    transformer, config = model.transformer, _text_config(model.transformer.config)
    if getattr(transformer.config, "is_encoder_decoder", False):
        return "it is an encoder-decoder"
    if getattr(config, "attention_chunk_size", None):
        return "its attention is cut into chunks"
    attends = any(hasattr(part, "is_causal") for part in transformer.modules())
    if not attends or not type(transformer)._can_set_attn_implementation():
        return "its layers do not use transformers' attention interface"
    return ""


@torch.no_grad()
def _difference(model: LoadedModel, layout: Layout) -> str:
    """Compute a few short sequences both ways; in what they differ, or an empty string."""
    transformer, config = model.transformer, _text_config(model.transformer.config)
    sequences = samples(model)
    batch = collate(sequences, model.device, layout)
    plan = attention.Plan.of(batch, causal=model.causal)
    try:
        hidden_TD = model.read(batch, plan)
        found = hidden_TD[batch.last_N if model.causal else batch.first_N]
        found = model.classify(found) if model.labels else found
    except (ModelError, TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        return f"a row of tokens cannot be computed: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
    if len(plan.layers) != config.num_hidden_layers:
        return "some of its layers do not use transformers' attention interface"
    if any(call.is_causal != model.causal for call in plan.layers):
        return "some of its layers look ahead and some do not"
    if [call.window is not None for call in plan.layers] != _slides(config):
        return "its sliding window is not told to the attention interface"
    transformer.set_attn_implementation("eager")  # the family's own formula; a faster kernel may leave out a soft cap
    wanted = _alone(model, sequences)
    transformer.set_attn_implementation(attention.NAME)
    if not torch.isfinite(found).all() or found.shape != wanted.shape:
        return "a row of tokens gives other states than a rectangle"
    tolerance = 1e-4 if found.dtype in {torch.float64, torch.float32} else 5e-2  # norms are in fp32 in any case
    far = (found - wanted).abs().max() > tolerance * wanted.abs().max()
    return "a row of tokens gives other states than a rectangle" if far else ""


# Tokens of the trial: two that share a beginning, one that is another's beginning, one that shares nothing.
_SAMPLES = ((1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 8, 9), (1, 2, 3, 4), (10, 11, 12, 13, 14, 15))


def samples(model: LoadedModel) -> list[Sequence]:
    """A few short sequences by which two ways to compute are compared."""
    config = _text_config(model.transformer.config)
    end = getattr(config, "eos_token_id", None) if getattr(config, "is_encoder_decoder", False) else None
    # Heads skip padding, and those of an encoder with a decoder read the end token.
    usual = [i for i in range(min(64, config.vocab_size)) if i not in {model.renderer.pad_id, end}]
    label = 0 if model.labels else None
    made = []
    for places in _SAMPLES:
        ids = (*(usual[i % len(usual)] for i in places), *(() if end is None else (end,)))
        made.append(Sequence("", ids, (0.0,) * len(ids), label))
    return made


def _alone(model: LoadedModel, sequences: Series[Sequence]) -> torch.Tensor:
    """States of each sequence's last token, or its class logits, each sequence by itself."""
    rows = []
    for sequence in sequences:
        batch = collate([sequence], model.device)
        ids_1L = batch.input_ids_T[None]
        if model.labels:
            rows.append(model.transformer(input_ids=ids_1L, attention_mask=torch.ones_like(ids_1L)).logits[0])
        else:
            rows.append(model._trunk(input_ids=ids_1L, use_cache=False)[0, -1])
    return torch.stack(rows)


def _slides(config: Any) -> list[bool]:
    """Whether each layer has a sliding window, as the config tells it."""
    if getattr(config, "sliding_window", None) is None or not getattr(config, "use_sliding_window", True):
        return [False] * config.num_hidden_layers
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"] * config.num_hidden_layers
    return [kind == "sliding_attention" for kind in kinds]
