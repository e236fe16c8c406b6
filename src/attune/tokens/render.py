"""The only caller of the chat template: text and conversations -> token ids with a loss weight for each.

Every assistant turn is rendered exactly as it will be asked for later: its prompt is the template's own output for the
messages before it with the generation prompt on, and its target is what the template adds for that turn, up to and
including the stop token. If the template writes the same history under every turn, one sequence carries all targets of
the conversation; if it rewrites history (some drop earlier reasoning), each turn becomes a sequence of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from attune.data.example import Conversation, Message
from attune.errors import ModelError
from attune.tokens.sequence import Sequence
from attune.tokens.template import ChatTemplate, RenderRequest
from attune.tokens.written import TemplateProblem, unwritten

# For models that come without a template. Plain words, no new tokens; the end token closes each answer. The prompt ends
# with a line break, not a space: most tokenizers keep a space together with the word behind it.
PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] in ['system', 'developer'] %}{{ message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ 'Assistant:\n' }}{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ 'User: ' + message['content'] + '\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One assistant turn with loss: the text before it and the text to learn."""

    prompt: str
    target: str


# Pieces of a text, each with the loss weight of its tokens.
_Pieces = list[tuple[str, float]]


class Renderer:
    """Tokenizer, chat template and stop tokens of one model.

    Args:
        tokenizer: a fast transformers tokenizer.
        template: the model's chat template, or None when it has none (then `PLAIN_TEMPLATE` is used, `plain` is True).
        stop_ids: token ids that end an answer.
        where: the folder, for messages.
    """

    def __init__(
        self, tokenizer: Any, template: ChatTemplate | None, *, stop_ids: tuple[int, ...], where: str = ""
    ) -> None:
        self.tokenizer = tokenizer
        tokenizer.backend_tokenizer.no_truncation()  # a saved tokenizer may bring either along
        tokenizer.backend_tokenizer.no_padding()
        self.plain = template is None
        special = {k: str(v) for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)}
        self._template = template or ChatTemplate(PLAIN_TEMPLATE, special)
        self._stop_ids = stop_ids
        self.where = where

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Token ids that end an answer: the model's own, and the token that its template writes after an answer.

        Many chat models close a turn with another token than the one that closes a document, and not all of them
        say so in their generation config; one rendered turn tells.
        """
        answer = "banana"  # a word that no template writes by itself
        probe = [{"role": "user", "content": "fruit"}, {"role": "assistant", "content": answer}]
        try:
            (text,) = self._template.render([RenderRequest(probe, None, False)])
        except ModelError:  # a template that needs other input than this says so when it is used
            return self._stop_ids
        _, found, behind = text.rpartition(answer)
        if not found:  # the template alters the assistant's words
            return self._stop_ids
        behind = behind.lstrip()
        ends = [i for i, written in self.special_ids.items() if behind.startswith(written)]
        return tuple(dict.fromkeys([*self._stop_ids, *ends]))

    @property
    def template_source(self) -> str:
        """The Jinja text of the chat template in use."""
        return self._template.source

    def fingerprint(self) -> str:
        """Hash of all that the tokens of a text or a conversation depend on."""
        today = date.today().isoformat() if "strftime_now" in self.template_source else ""
        parts = [self.tokenizer.backend_tokenizer.to_str(), self.template_source, today, str(self._stop_ids)]
        parts += [f"{name}={token}" for name, token in sorted(self.tokenizer.special_tokens_map.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @cached_property
    def special_ids(self) -> dict[int, str]:
        """Tokens that stand for no words of a text (begin, end, role, padding), as they are written."""
        added = self.tokenizer.added_tokens_decoder.items()
        return {int(i): token.content for i, token in added if token.special and token.content}

    @property
    def vocabulary_tokens(self) -> int:
        """Number of token ids that the tokenizer can give."""
        return int(max(self.tokenizer.get_vocab().values())) + 1

    @property
    def pad_id(self) -> int:
        """What fills padding. No loss or mask reads it: position decides, never the id."""
        for token_id in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if token_id is not None:
                return int(token_id)
        return 0

    @property
    def end_id(self) -> int:
        """The token that closes a document or a completion.

        Raises:
            ModelError: the tokenizer has no end token, so a model could never learn to stop.
        """
        if self.tokenizer.eos_token_id is None:
            raise ModelError("the tokenizer has no end token", where=self.where, fix="set eos_token in its config")
        return int(self.tokenizer.eos_token_id)

    def ids(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of a text; `special` adds what the tokenizer puts around every text ([CLS], BOS...)."""
        return list(self.tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])

    def all_ids(self, texts: Series[str], *, special: bool = False) -> list[list[int]]:
        """Token ids of many texts, computed by all cores."""
        encodings = self.tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=special)
        return [encoding.ids for encoding in encodings]

    def opening_ids(self) -> list[int]:
        """What the tokenizer puts before every plain text (usually nothing, or one BOS)."""
        with_specials = self.ids("a", special=True)
        without = self.ids("a")
        return (
            with_specials[: len(with_specials) - len(without)]
            if with_specials[-len(without) :] == without
            else ([with_specials[0]] if with_specials[0] == self.tokenizer.bos_token_id else [])
        )

    @cached_property
    def closing_tokens(self) -> int:
        """How many tokens the tokenizer puts behind every plain text, padding aside."""
        around, plain = self.ids("a", special=True), self.ids("a")
        places = (i for i in range(len(around)) if around[i : i + len(plain)] == plain)
        behind = around[next(places, len(around)) + len(plain) :]
        return len([token_id for token_id in behind if token_id != self.pad_id])

    def text(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of token ids."""
        return str(
            self.tokenizer.decode(list(ids), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False)
        )

    def prompts(self, conversations: Series[tuple[Series[Message], Series[dict[str, Any]]]]) -> list[list[int]]:
        """Token ids of (messages, tools) as the model is asked to continue them with an assistant turn."""
        requests = [
            RenderRequest([m.as_template_input() for m in messages], list(tools) or None, True)
            for messages, tools in conversations
        ]
        return self.all_ids(self._template.render(requests))

    def whole(self, messages: Series[Message], tools: Series[dict[str, Any]]) -> str:
        """What the template writes for finished messages.

        Raises:
            ModelError: the template fails.
        """
        request = RenderRequest([m.as_template_input() for m in messages], list(tools) or None, False)
        return self._template.render([request])[0]

    def conversations(self, examples: Series[Conversation]) -> tuple[list[list[Sequence]], list[TemplateProblem]]:
        """Sequences of each conversation, and what the template does to them that it should not.

        Raises:
            ModelError: the template fails, or cannot express an assistant turn after its own generation prompt.
        """
        requests: list[RenderRequest] = []
        for example in examples:
            given, tools = [m.as_template_input() for m in example.messages], list(example.tools) or None
            for i in _targets(example):
                requests += RenderRequest(given[:i], tools, True), RenderRequest(given[: i + 1], tools, False)
        texts = iter(self._template.render(requests))
        rows: list[list[_Pieces]] = []
        problems: list[TemplateProblem] = []
        for example in examples:
            turns = {}
            for i in _targets(example):
                prompt, whole = next(texts), next(texts)
                turns[i] = self._turn(example, i, prompt=prompt, whole=whole, problems=problems)
            rows.append(_joined(list(turns.values())))
            if turns:
                answers = {i: turn.target for i, turn in turns.items()}
                problems += unwritten(example, answers, turns[i].prompt + turns[i].target)
        made = iter(self._encode([(e.id, pieces) for e, row in zip(examples, rows, strict=True) for pieces in row]))
        sequences = [[next(made) for _ in row] for row in rows]
        for example, group in zip(examples, sequences, strict=True):
            problems += self._ends(example, group)
        return sequences, problems

    def _ends(self, example: Conversation, sequences: Series[Sequence]) -> Iterator[TemplateProblem]:
        """What is wrong with the first and last tokens of a conversation's sequences."""
        bos = self.tokenizer.bos_token_id
        for sequence in sequences:
            ids = sequence.input_ids
            if ids[-1] not in self.stop_ids:
                message = "the answer's last token is none that stops a model, so it never learns to stop"
                yield TemplateProblem("no_stop_token", message, example.origin)
            if bos is not None and ids[:2] == (bos, bos):
                message = "the text begins with two tokens that begin a text"
                yield TemplateProblem("doubled_bos", message, example.origin)

    def _turn(
        self, example: Conversation, i: int, *, prompt: str, whole: str, problems: list[TemplateProblem]
    ) -> _Turn:
        """Split the template's output for messages[: i + 1] into prompt and target, and look at the target."""
        content = example.messages[i].content

        def problem(code: str, message: str) -> None:
            problems.append(TemplateProblem(code, message, example.origin))

        if not whole.startswith(prompt):
            # Some templates end their generation prompt with tokens (an empty reasoning block, a space) that they do
            # not write for a finished turn. The target then begins where the answer's own words begin.
            at = whole.rfind(content, 0, self._last_stop(prompt, whole))
            if at < 0:
                raise ModelError(
                    "the chat template does not write the assistant's words, or writes them before its own prompt",
                    where=f"{self.where} at {example.origin}",
                    fix="mend the template so that a finished turn begins with its generation prompt",
                )
            problem("prompt_mismatch", "the generation prompt differs from how the template writes a finished turn")
            prompt = prompt if whole[:at].rstrip() == prompt.rstrip() else whole[:at]
            target = whole[at:]
        else:
            target = whole[len(prompt) :]
        if content not in target:
            if content.strip() and self._is_empty(target):
                raise ModelError(
                    "the chat template drops the assistant's words",
                    where=f"{self.where} at {example.origin}",
                    fix="mend the template",
                )
            problem("altered_words", "the template alters the assistant's words; what it writes is what is learned")
        stop = self._end_of_answer(target, content)
        if stop is None:
            if self.tokenizer.eos_token:
                problem("no_end_token", "the template writes no end token after the answer; one was added to the loss")
            behind = target.find(content) + len(content) if content in target else 0
            target = target[:behind] + target[behind:].rstrip("\n") + str(self.tokenizer.eos_token or "")
        else:
            target = target[:stop]
        return _Turn(prompt, target)

    @cached_property
    def _stop_words(self) -> tuple[str, ...]:
        """The stop tokens as a template writes them."""
        return tuple(filter(None, self.tokenizer.convert_ids_to_tokens(list(self.stop_ids))))

    def _end_of_answer(self, target: str, content: str) -> int | None:
        """Index just behind the first stop token that follows the answer's words, or None."""
        begin = target.find(content) + len(content) if content in target else 0
        ends = [target.find(word, begin) + len(word) for word in self._stop_words if target.find(word, begin) >= 0]
        return min(ends) if ends else None

    def _last_stop(self, prompt: str, whole: str) -> int:
        """Index of the stop token that closes the last turn of `whole`, or its length when none does."""
        shared = next((i for i, pair in enumerate(zip(prompt, whole, strict=False)) if pair[0] != pair[1]), len(prompt))
        return max((whole.rfind(word, shared) for word in self._stop_words), default=-1) % (len(whole) + 1)

    def _is_empty(self, target: str) -> bool:
        """Whether nothing but stop tokens and white space is in it."""
        for word in self._stop_words:
            target = target.replace(word, "")
        return not target.strip()

    def _encode(self, rows: Series[tuple[str, _Pieces]]) -> list[Sequence]:
        """Tokenise piece by piece, as generation will: the prompt alone, then the answer."""
        found = iter(self.all_ids([text for _, pieces in rows for text, _ in pieces if text]))
        encoded: list[tuple[list[int], list[float]]] = []
        for _, pieces in rows:
            ids: list[int] = []
            weights: list[float] = []
            for text, weight in pieces:
                piece = next(found) if text else []
                ids += piece
                weights += [weight] * len(piece)
            encoded.append((ids, weights))
        written = self.tokenizer.backend_tokenizer.decode_batch([ids for ids, _ in encoded], skip_special_tokens=False)
        sequences = []
        for (example_id, pieces), (ids, weights), text in zip(rows, encoded, written, strict=True):
            same = text == "".join(part for part, _ in pieces)
            row = (ids, weights) if same else self._encode_whole(pieces)
            sequences.append(Sequence(example_id, tuple(row[0]), (0.0, *row[1][1:])))
        return sequences

    def _encode_whole(self, pieces: _Pieces) -> tuple[list[int], list[float]]:
        """For tokenizers that mark the beginning of each text (SentencePiece): tokenise at once, weigh by offsets."""
        text = "".join(piece for piece, _ in pieces)
        spans: list[tuple[int, int]] = []
        at = 0
        for piece, weight in pieces:
            if weight:
                spans.append((at, at + len(piece)))
            at += len(piece)
        encoding = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        weights = [
            1.0 if any(begin < end and low < max(end, begin + 1) and begin < high for low, high in spans) else 0.0
            for begin, end in encoding["offset_mapping"]
        ]
        return list(encoding["input_ids"]), weights


def _joined(turns: Series[_Turn]) -> list[_Pieces]:
    """One text for the whole conversation where each prompt continues the text before it, else one a turn."""
    groups: list[_Pieces] = []
    written = ""
    for turn in turns:
        if groups and turn.prompt.startswith(written):
            groups[-1].append((turn.prompt[len(written) :], 0.0))
        else:
            groups.append([(turn.prompt, 0.0)])
        groups[-1].append((turn.target, 1.0))
        written = turn.prompt + turn.target
    return groups


def _targets(example: Conversation) -> list[int]:
    """Indices of the assistant turns that carry loss."""
    return [i for i, m in enumerate(example.messages) if m.role == "assistant" and m.weight]
