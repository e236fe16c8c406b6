"""The task prompt: a text in front of every row, or a template that columns of the row are put into.

    "You answer for Fernway Library."          stands in front of what each row asks
    "Summarise for {audience}: {article}"      takes the place of what each row asks; {{ and }} are braces

It is put to the rows once, after they were read, cleaned, audited and split as the user wrote them, and to everything
that the finished model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from attune.data.example import Conversation, Document, Example, LabelledText, Message, Pair, Shape
from attune.data.strict_json import quoted
from attune.errors import RecipeError

DOCUMENT_REFUSED = "documents take no prompt: a document is modelled as it stands"
BETWEEN = "\n\n"
_UNWRITABLE = re.compile("[\\0\ud800-\udfff]")  # no tokenizer and no file takes half a character
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Field(NamedTuple):
    """A place in a template that a column of the row fills."""

    name: str


@dataclass(frozen=True, slots=True)
class TaskPrompt:
    """A prompt as the recipe has it.

    Attributes:
        text: as it is written, braces and all.
        pieces: its words as they will stand, with the fields between them.
    """

    text: str
    pieces: tuple[str | Field, ...]

    @classmethod
    def parse(cls, text: str, *, where: str = "data.prompt") -> TaskPrompt:
        """Find the fields of a prompt.

        Raises:
            RecipeError: it is empty, a brace has no partner, or a character is none.
        """
        if unwritable := _UNWRITABLE.search(text):
            what = f"the prompt has {quoted(unwritable[0])} at character {unwritable.start() + 1}"
            raise RecipeError(what, where=where, fix="remove it; it is often a sign of damage")
        if not text.strip():
            raise RecipeError("the prompt is empty", where=where, fix="write a prompt, or leave it out")
        pieces: list[str | Field] = []
        words: list[str] = []
        end = 0
        for match in _BRACES.finditer(text):
            words.append(text[end : match.start()])
            end = match.end()
            if match[0] in ("{{", "}}"):
                words.append(match[0][0])
            elif match[1]:
                pieces += ["".join(words), Field(match[1])]
                words = []
            else:
                what = "a field without a name" if match[0] == "{}" else f"a {match[0]} without its partner"
                fix = "write {column} for a column of the row, and {{ or }} for a brace that should stand in the text"
                raise RecipeError(f"the prompt has {what} at character {match.start() + 1}", where=where, fix=fix)
        pieces.append("".join([*words, text[end:]]))
        return cls(text, tuple(piece for piece in pieces if piece))

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the columns that it takes, each once, in the order of the text."""
        return tuple(dict.fromkeys(piece.name for piece in self.pieces if isinstance(piece, Field)))

    def filled(self, values: Mapping[str, str]) -> str:
        """The words, with a value for every field."""
        return "".join(values[piece.name] if isinstance(piece, Field) else piece for piece in self.pieces)

    def before(self, text: str, values: Mapping[str, str]) -> str:
        """What is asked for a text: the prompt, a blank line, the text. A template is all that is asked."""
        words = self.filled(values)
        return words if self.fields else f"{words.strip()}{BETWEEN}{text}"

    def before_turns(self, messages: Sequence[Message], values: Mapping[str, str]) -> tuple[Message, ...]:
        """The messages under a system message; one that is there already stays, below the prompt and a blank line."""
        words = self.filled(values).strip()
        first, *rest = messages
        if first.role in ("system", "developer"):
            return replace(first, content=f"{words}{BETWEEN}{first.content}"), *rest
        return Message("system", words), *messages

    def before_row(self, example: Example) -> Example:
        """The example as the model reads it. Its id and place are those of the row as the user wrote it.

        Raises:
            RecipeError: it is a document.
        """
        match example:
            case Conversation(messages=messages, fields=fields):
                return replace(example, messages=self.before_turns(messages, dict(fields)), fields=())
            case Pair(prompt=prompt, fields=fields):
                return replace(example, prompt=self.before(prompt, dict(fields)), fields=())
            case LabelledText(text=text, fields=fields):
                return replace(example, text=self.before(text, dict(fields)), fields=())
            case Document():
                raise RecipeError(DOCUMENT_REFUSED, where="data.prompt", fix="leave the prompt out")

    def before_rows(self, examples: Iterable[Example]) -> tuple[Example, ...]:
        """See `before_row`."""
        return tuple(self.before_row(example) for example in examples)


def parse(text: str | None, shape: Shape | None = None, *, where: str = "data.prompt") -> TaskPrompt | None:
    """The prompt of a recipe, None when it has none.

    Raises:
        RecipeError: the braces are wrong, or rows of this shape take no prompt.
    """
    if text is None:
        return None
    if shape == "document":
        raise RecipeError(DOCUMENT_REFUSED, where=where, fix="leave the prompt out")
    return TaskPrompt.parse(text, where=where)
