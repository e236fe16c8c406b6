"""Token ids in, token ids out."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass
from typing import Any

import torch

from attune.errors import ModelError
from attune.model.loaded import LoadedModel
from attune.model.reading import Reader, Slots
from attune.tokens.batch import microbatches
from attune.tokens.sequence import Sequence
from attune.tokens.tree import sharing_order

# Memory for the keys and values of answers in work, and tokens of prompts that are read at a time.
SLOTS_BYTES = 1 << 28
READ_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. Temperature 0 is greedy: always the likeliest."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Generated:
    """New token ids without the stop token; `stopped` tells that a stop token, not the limit, ended it."""

    ids: tuple[int, ...]
    stopped: bool


def generate(
    model: LoadedModel,
    prompts: Series[Series[int]],
    sampling: Sampling,
    *,
    batch_size: int = 64,
    on_batch: Callable[[int], None] = lambda done: None,
) -> list[Generated]:
    """Continue each prompt. What prompts have in common is read once; an answer that ends makes room for the next.

    Each draws from a seed of its own, so its answer does not depend on what else is asked.

    Args:
        batch_size: answers in work at a time, if memory allows.
        on_batch: told how many prompts are done.

    Raises:
        ModelError: a prompt is empty, or fills the model's context.
    """
    for prompt in prompts:
        _room(model, len(prompt), sampling)
    model.module.eval()
    if model.alone_beyond is not None and any(
        len(prompt) + _room(model, len(prompt), sampling) > model.alone_beyond for prompt in prompts
    ):
        batch_size = 1
    elif model.layout == "tree" and prompts:
        return _continue_all(model, prompts, sampling, batch_size, on_batch)
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    results: dict[int, Generated] = {}
    for begin in range(0, len(order), batch_size):
        batch = order[begin : begin + batch_size]
        for i, ids in zip(batch, _continue(model, [prompts[i] for i in batch], sampling), strict=True):
            results[i] = ids
        on_batch(len(results))
    return [results[i] for i in range(len(prompts))]


@dataclass
class _Answer:
    """An answer in work."""

    prompt: int
    left: int
    generator: torch.Generator
    ids: list[int]


@torch.inference_mode()
def _continue_all(
    model: LoadedModel,
    prompts: Series[Series[int]],
    sampling: Sampling,
    batch_size: int,
    on_batch: Callable[[int], None],
) -> list[Generated]:
    reader, done = Reader(model), dict[int, Generated]()
    read = [Sequence("", tuple(prompt), (0.0,) * len(prompt)) for prompt in prompts]
    waiting = sharing_order(read)[::-1]
    length = max(len(prompt) + _room(model, len(prompt), sampling) for prompt in prompts)
    slots = Slots(min(batch_size, len(prompts), _slots_that_fit(model, length)), length)
    working: list[_Answer] = []

    def took(answer: _Answer, logits_V: torch.Tensor) -> bool:
        """Append the next token; False when the answer has ended."""
        token_id = choose(logits_V, sampling, answer.generator)
        stopped = token_id in model.renderer.stop_ids
        if not stopped:
            answer.ids.append(token_id)
            answer.left -= 1
        if stopped or not answer.left:
            done[answer.prompt] = Generated(tuple(answer.ids), stopped)
        return answer.prompt not in done

    while waiting or working:
        before = len(done)
        # A few that ended make room for as many new ones at once; one by one they would share less.
        if waiting and len(working) <= slots.count * 3 // 4:
            new = [waiting.pop() for _ in range(min(slots.count - len(working), len(waiting)))]
            for group, batch in microbatches([read[i] for i in new], READ_TOKENS, model.layout, model.device):
                hidden_ND, paths = reader.paths(batch)
                logits_NV = model.project(hidden_ND).float().cpu()
                for place, member in enumerate(group):
                    i = new[member]
                    generator = torch.Generator().manual_seed(sampling.seed + i)
                    answer = _Answer(i, _room(model, len(prompts[i]), sampling), generator, [])
                    if took(answer, logits_NV[place]):
                        slots.admit(paths[place])
                        working.append(answer)
        if working:
            last_A = torch.tensor([answer.ids[-1] for answer in working], device=model.device)
            logits_AV = model.project(model.rows(last_A, slots.positions(model.device), slots)).float().cpu()
            slots.advance()
            for slot in reversed(range(len(working))):
                if not took(working[slot], logits_AV[slot]):
                    slots.release(slot)
                    working[slot] = working[-1]
                    working.pop()
        if len(done) > before:
            on_batch(len(done))
    return [done[i] for i in range(len(prompts))]


def _slots_that_fit(model: LoadedModel, length: int) -> int:
    """How many answers of so many tokens the memory for keys and values holds; at least one."""
    return max(1, SLOTS_BYTES // (length * kept_bytes_per_token(model.transformer.config, model.dtype)))


def kept_bytes_per_token(config: Any, dtype: torch.dtype) -> int:
    """Bytes of one token's keys and values over all layers."""
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    # A family whose layers differ in these keeps less than the widest of them would.
    heads = _largest(config, "num_attention_heads")
    width = _largest(config, "head_dim") or _largest(config, "hidden_size") // heads
    kept = _largest(config, "num_key_value_heads") or heads
    return int(2 * config.num_hidden_layers * kept * width * dtype.itemsize)


def _largest(config: Any, name: str) -> int:
    """The field of a config, of all its layers where each has a value of its own; 0 where there is none."""
    try:
        return int(getattr(config, name, None) or 0)
    except RuntimeError:  # transformers' way to say that layers differ
        return max(int(getattr(layer, name, None) or 0) for layer in config.per_layer_config)


def stream(model: LoadedModel, prompt: Series[int], sampling: Sampling) -> Iterator[str]:
    """Pieces of text as they are generated; they join to the whole answer."""
    ids: list[int] = []
    written = ""
    for token_id in _tokens(model, prompt, sampling):
        ids.append(token_id)
        text = model.renderer.text(ids)
        if not text.endswith("\ufffd"):  # a character may need several tokens
            yield text[len(written) :]
            written = text
    rest = model.renderer.text(ids)[len(written) :]
    if rest:
        yield rest


@torch.inference_mode()
def _continue(model: LoadedModel, prompts: Series[Series[int]], sampling: Sampling) -> list[Generated]:
    longest = max(len(prompt) for prompt in prompts)
    ids_NL = torch.full((len(prompts), longest), model.renderer.pad_id, dtype=torch.long)
    mask_NL = torch.zeros_like(ids_NL)
    for row, prompt in enumerate(prompts):
        ids_NL[row, longest - len(prompt) :] = torch.tensor(prompt, dtype=torch.long)
        mask_NL[row, longest - len(prompt) :] = 1
    out_NL = _call(model, ids_NL, mask_NL, sampling)
    return [_trim(row[longest:].tolist(), model.renderer.stop_ids) for row in out_NL]


def _tokens(model: LoadedModel, prompt: Series[int], sampling: Sampling) -> Iterator[int]:
    """Token ids one by one, up to a stop token."""
    if model.layout != "tree":
        yield from _handed_on(model, prompt, sampling)
        return
    ids_L = torch.tensor(list(prompt), dtype=torch.long, device=model.device)
    generator = torch.Generator(device="cpu").manual_seed(sampling.seed)
    cache: Any = None
    step_ids = ids_L[None]
    for _ in range(_room(model, len(prompt), sampling)):
        with torch.inference_mode():
            out = model.transformer(input_ids=step_ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        token_id = choose(out.logits[0, -1].float().cpu(), sampling, generator)
        if token_id in model.renderer.stop_ids:
            return
        yield token_id
        step_ids = torch.tensor([[token_id]], dtype=torch.long, device=model.device)


def _handed_on(model: LoadedModel, prompt: Series[int], sampling: Sampling) -> Iterator[int]:
    """Token ids as transformers generates them, in a thread of its own: each family keeps what it read in its way."""
    from transformers.generation.streamers import BaseStreamer

    handed: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()
    left = threading.Event()

    class Streamer(BaseStreamer):  # type: ignore[misc]
        """Puts each new token into the queue; the first that it is given are the prompt's."""

        def __init__(self) -> None:
            self.begun = False

        def put(self, value: torch.Tensor) -> None:
            if left.is_set():
                raise _LeftError
            if self.begun:
                handed.put(int(value.reshape(-1)[-1]))
            self.begun = True

        def end(self) -> None:
            """What follows the generation tells the end."""

    def work() -> None:
        ids_1L = torch.tensor([list(prompt)], dtype=torch.long)
        try:
            with torch.inference_mode():
                _call(model, ids_1L, torch.ones_like(ids_1L), sampling, Streamer())
            handed.put(None)
        except _LeftError:
            pass
        except BaseException as error:  # raised again where the tokens are read
            handed.put(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        while (token := handed.get()) is not None:
            if isinstance(token, BaseException):
                raise token
            if token in model.renderer.stop_ids:
                return
            yield token
    finally:
        left.set()
        worker.join()


class _LeftError(Exception):
    """Thrown to end a generation that nobody reads any more."""


def choose(logits_V: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """The next token id: the likeliest at temperature 0, else drawn from the top-k and top-p part."""
    if sampling.temperature == 0.0:
        return int(logits_V.argmax())
    probabilities, ids = (logits_V / sampling.temperature).softmax(-1).sort(descending=True)
    keep = probabilities.cumsum(-1) - probabilities < sampling.top_p
    if sampling.top_k:
        keep[sampling.top_k :] = False
    drawn = torch.multinomial(probabilities * keep, 1, generator=generator)
    return int(ids[drawn])


def _room(model: LoadedModel, prompt_tokens: int, sampling: Sampling) -> int:
    """New tokens that fit: the limit asked for, or what the model's positions leave."""
    left = model.context_tokens - prompt_tokens
    if not prompt_tokens:
        raise ModelError("the prompt is empty", where=model.source.name, fix="give at least one word")
    if left < 1:
        raise ModelError(
            f"the prompt has {prompt_tokens} tokens and leaves no room for an answer",
            where=model.source.name,
            fix=f"shorten it: the model's context is {model.context_tokens} tokens",
        )
    return min(sampling.max_new_tokens, left)


def _call(
    model: LoadedModel, ids_NL: torch.Tensor, mask_NL: torch.Tensor, sampling: Sampling, streamer: Any = None
) -> torch.Tensor:
    import transformers

    greedy = sampling.temperature == 0.0
    chosen = {} if greedy else {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    config = transformers.GenerationConfig(
        max_new_tokens=_room(model, ids_NL.shape[1], sampling),
        do_sample=not greedy,
        eos_token_id=list(model.renderer.stop_ids) or None,
        pad_token_id=model.renderer.pad_id,
        **chosen,
    )
    torch.manual_seed(sampling.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The folder's own generation config (penalties, temperature) must not steer a measurement.
        model.transformer.generation_config = config
        out: torch.Tensor = model.transformer.generate(
            input_ids=ids_NL.to(model.device),
            attention_mask=mask_NL.to(model.device),
            generation_config=config,
            streamer=streamer,
        )
    return out.cpu()


def _trim(ids: list[int], stop_ids: tuple[int, ...]) -> Generated:
    for at, token_id in enumerate(ids):
        if token_id in stop_ids:
            return Generated(tuple(ids[:at]), stopped=True)
    return Generated(tuple(ids), stopped=False)
