"""Files that cannot be read as they are, and clean ones of every kind. See `traps`."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grammars
import tongues
from grammars import Row

Content = bytes | Mapping[str, bytes]
Place = tuple[Any, ...]  # name, line, field, column, file: as in traps.Told
HERE = "¦"  # stands before the character that an error must name


@dataclass(frozen=True)
class Files:
    """A source and what must be told of it; the fields are those of `traps.Trap`."""

    name: str
    flaw: str
    file: str
    content: Content
    told: Sequence[Place] = ()
    says: str = ""
    same_as: bytes = b""


def jsonl(rows: Sequence[Row], **layout: Any) -> bytes:
    """JSON lines in UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False, **layout) + "\n" for row in rows).encode()


def table(rows: Sequence[Row], delimiter: str = ",", end: str = "\n") -> bytes:
    """A CSV with a header."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return stream.getvalue().encode()


def parquet(rows: Sequence[Row]) -> bytes:
    """A Parquet file in groups of 50 rows, with checksums."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(rows), stream, row_group_size=50, write_page_checksum=True, compression="none",
        use_dictionary=False,
    )  # fmt: skip
    return stream.getvalue()


def _lines(content: bytes) -> list[str]:
    return content.decode().split("\n")[:-1]


def _joined(lines: Sequence[str], end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode()


PAIRS = jsonl(grammars.library(40))
CHATS = jsonl(grammars.workshop(40))
TABLE = table(grammars.reviews(40))
LABELLED = jsonl(grammars.reviews(40))
PLANTED = (7, 19, 40)  # lines; the last one is the last of JSON lines, and the one before it of a table


def _with(base: bytes, planted: Mapping[int, str]) -> bytes:
    lines = _lines(base)
    for line, text in planted.items():
        lines[line - 1] = text
    return _joined(lines)


# name, flaw, base, three planted rows with their places marked, error code, field
_BAD_LINES: list[tuple[str, str, bytes, tuple[str, str, str], str, str]] = [
    ("duplicate-key", "a key stands twice in an object", PAIRS,
     ('{"prompt": "a", ¦"prompt": "b", "completion": "c"}', '{"prompt":"a",¦"prompt":"a","completion":"c"}',
      '{"prompt": "a", "completion": "c", "n": {"prompt": 1, "¦x": 1}}'), "duplicate_key", "prompt"),
    ("nan", "NaN", PAIRS,
     ('{"prompt": "a", "completion": "c", "n": ¦NaN}', '{"n": [¦NaN], "prompt": "NaN", "completion": "c"}',
      '{"prompt": "a", "completion": ¦NaN}'), "not_a_number", ""),
    ("infinity", "Infinity, and a number beyond all floats", PAIRS,
     ('{"prompt": "a", "completion": "c", "n": ¦-Infinity}', '{"n": ¦Infinity, "prompt": "a", "completion": "c"}',
      '{"prompt": "a", "completion": "c", "n": ¦1e999}'), "not_a_number", ""),
    ("huge-integer", "integers of thousands of digits", PAIRS,
     (f'{{"prompt": "a", "completion": "c", "n": ¦{"7" * 5000}}}', f'{{"n": [[¦{"1" * 301}]], "prompt": "a", '
      '"completion": "c"}', f'{{"prompt": "a", "completion": ¦-{"9" * 100_000}}}'), "huge_integer", ""),
    ("lone-surrogate", "half of a character", PAIRS,
     ('{"prompt": "a ¦\\ud83d b", "completion": "c"}', '{"prompt": "\\\\ud83d ¦\\ude00", "completion": "c"}',
      '{"prompt": "\\ud83d\\ude00", "completion": "¦\\uDBFF"}'), "lone_surrogate", ""),
    ("nul-character", "NUL characters, escaped and raw", PAIRS,
     ('{"prompt": "a¦\\u0000", "completion": "c"}', '{"prompt": "a¦\0", "completion": "c"}',
      '{"prompt": "a", "completion": "¦\\u0000c"}'), "nul_byte", ""),
    ("deep-nesting", "5,000 lists in each other", PAIRS,
     (f'{{"prompt": "a", "completion": "c", "n": {"[" * 31}¦{"[" * 4969}{"]" * 5000}}}',
      f'{{"n": {"[" * 31}¦{"[" * 4969}', f'{"[" * 32}¦{"[" * 4968}{"]" * 5000}'), "too_deep", ""),
    ("not-json", "quotes, commas and words that are not JSON", PAIRS,
     ("{¦'prompt': 'a', 'completion': 'c'}", '{"prompt": "a" ¦"completion": "c"}',
      '{"prompt": ¦None, "completion": "c"}'),
     "invalid_json", ""),
    ("two-rows-on-a-line", "objects that follow each other on one line", PAIRS,
     ('{"prompt": "a", "completion": "b"}¦{"prompt": "c", "completion": "d"}',
      '{"prompt": "a", "completion": "b"} ¦, {"prompt": "c", "completion": "d"}',
      '{"prompt": "a", "completion": "b"}¦]'),
     "invalid_json", ""),
    ("not-an-object", "lines with a list, a number, a text", PAIRS, ('["a", "b"]', "5", '"a"'), "not_an_object", ""),
    ("missing-field", "rows without a completion", PAIRS,
     ('{"prompt": "a"}', '{"prompt": "a", "Completion": "c"}', '{"prompt": "a", "text": "c"}'),
     "missing_field", "completion"),
    ("null-field", "null in a field", PAIRS,
     ('{"prompt": "a", "completion": null}', '{"completion": null, "prompt": "a"}',
      '{"prompt": "a", "completion": null, "n": 1}'), "empty_field", "completion"),
    ("empty-field", "empty texts", PAIRS,
     ('{"prompt": "", "completion": "c"}', '{"prompt": " \\n\\t", "completion": "c"}',
      '{"prompt": "\\u00a0", "completion": "c"}'), "empty_field", "prompt"),
    ("number-for-text", "a number, a list, an object where text should be", PAIRS,
     ('{"prompt": "a", "completion": 5}', '{"prompt": "a", "completion": ["c"]}',
      '{"prompt": "a", "completion": {"text": "c"}}'), "wrong_type", "completion"),
    ("mixed-formats", "pairs among conversations", CHATS,
     ('{"prompt": "a", "completion": "c"}', '{"text": "a"}', '{"question": "a", "answer": "c"}'),
     "missing_field", "messages"),
    ("float-label", "labels with a fraction", LABELLED,
     ('{"text": "a", "label": 0.5}', '{"text": "a", "label": 1.25}', '{"text": "a", "label": -2e-3}'),
     "float_label", "label"),
    ("null-label", "labels that are null or empty", LABELLED,
     ('{"text": "a", "label": null}', '{"text": "a", "label": ""}', '{"text": "a", "label": " "}'),
     "empty_field", "label"),
    ("list-label", "several labels in a list", LABELLED,
     ('{"text": "a", "label": ["positive"]}', '{"text": "a", "label": []}', '{"text": "a", "label": {"a": 1}}'),
     "wrong_type", "label"),
]  # fmt: skip

USER = {"role": "user", "content": "Is it open?"}
SAYS = {"role": "assistant", "content": "It is."}
CALLS = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
RESULT = {"role": "tool", "content": "5", "tool_call_id": "1"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
# name, flaw, three conversations, error code, the field of each
_BAD_CHATS: list[tuple[str, str, list[Any], str, tuple[str, str, str]]] = [
    ("unknown-role", "roles that do not exist", [
        [{**USER, "role": "human"}, SAYS], [USER, {**SAYS, "role": "Assistant"}], [USER, {**SAYS, "role": 5}],
    ], "unknown_role", ("[0].role", "[1].role", "[1].role")),
    ("unknown-message-field", "from and value in place of role and content", [
        [{**USER, "from": "human"}, SAYS], [USER, {**SAYS, "weigth": 1}], [USER, {**SAYS, "value": "It is."}],
    ], "unknown_field", ("[0].from", "[1].weigth", "[1].value")),
    ("wrong-order", "two turns of one side in a row", [
        [USER, USER, SAYS], [USER, SAYS, SAYS], [USER, SAYS, USER, USER, SAYS],
    ], "wrong_order", ("[1]", "[2]", "[3]")),
    ("system-later", "a system message after the start", [
        [USER, {"role": "system", "content": "x"}, SAYS],
        [USER, SAYS, {"role": "developer", "content": "x"}, USER, SAYS],
        [{"role": "system", "content": "x"}, {"role": "system", "content": "y"}, USER, SAYS],
    ], "system_not_first", ("[1]", "[2]", "[1]")),
    ("last-not-assistant", "nothing to learn at the end", [
        [USER], [USER, SAYS, USER], [USER, CALLS, RESULT],
    ], "last_not_assistant", ("", "", "")),
    ("assistant-first", "no user before the assistant", [
        [SAYS], [{"role": "system", "content": "x"}, SAYS], [SAYS, USER, SAYS],
    ], "no_user_first", ("", "", "")),
    ("fractional-weight", "weights other than 0 and 1", [
        [USER, {**SAYS, "weight": 0.5}], [USER, {**SAYS, "weight": True}], [USER, {**SAYS, "weight": "1"}],
    ], "bad_weight", ("[1].weight", "[1].weight", "[1].weight")),
    ("no-weight-left", "every answer has weight 0", [
        [USER, {**SAYS, "weight": 0}], [USER, {**SAYS, "weight": 0.0}], [USER, {**CALLS, "weight": 0}, RESULT,
                                                                       {**SAYS, "weight": 0}],
    ], "nothing_to_learn", ("", "", "")),
    ("weight-of-a-user", "a field on a message that it does not belong to", [
        [{**USER, "weight": 1}, SAYS], [{**USER, "tool_call_id": "1"}, SAYS], [{**USER, "tool_calls": [{}]}, SAYS],
    ], "misplaced_field", ("[0].weight", "[0].tool_call_id", "[0].tool_calls")),
    ("tool-without-call", "a tool's result that nothing asked for", [
        [USER, RESULT, SAYS], [USER, SAYS, RESULT, SAYS], [USER, {**SAYS, "tool_calls": []}, RESULT, SAYS],
    ], "wrong_order", ("[1]", "[2]", "[2]")),
    ("image-part", "pictures in the content", [
        [{**USER, "content": [{"type": "text", "text": "See"}, IMAGE]}, SAYS], [{**USER, "content": [IMAGE]}, SAYS],
        [USER, SAYS, {**USER, "content": [{"type": "input_audio", "input_audio": {}}]}, SAYS],
    ], "unsupported_part", ("[0].content[1]", "[0].content[0]", "[2].content[0]")),
    ("empty-assistant", "an answer without text and call", [
        [USER, {**SAYS, "content": ""}], [USER, {**SAYS, "content": None}], [USER, {**SAYS, "content": " \n"}],
    ], "empty_assistant", ("[1].content", "[1].content", "[1].content")),
    ("messages-not-a-list", "messages that are no list of objects", [
        "User: hi", {"role": "user", "content": "hi"}, 5,
    ], "wrong_type", ("", "", "")),
    ("no-messages", "empty lists of messages", [[], [], []], "empty_messages", ("", "", "")),
    ("calls-not-a-list", "tool calls that are no list of objects", [
        [USER, {**CALLS, "tool_calls": "f(1)"}, RESULT, SAYS],
        [USER, {**CALLS, "tool_calls": {"name": "f"}}, RESULT, SAYS],
        [USER, {**CALLS, "tool_calls": ["f"]}, RESULT, SAYS],
    ], "wrong_type", ("[1].tool_calls", "[1].tool_calls", "[1].tool_calls")),
]  # fmt: skip
# These rows have a second error, which follows from the first.
_FOLLOWING = {
    ("image-part", 1): ("empty_field", "[0].content"),
    ("image-part", 2): ("empty_field", "[2].content"),
}


def bad_rows() -> Iterator[Files]:
    """Rows that break the rules of their kind, three in each file."""
    for name, flaw, base, texts, code, key in _BAD_LINES:
        planted = {line: text.replace(HERE, "", 1) for line, text in zip(PLANTED, texts, strict=True)}
        told = [(code, line, key, text.find(HERE) + 1) for line, text in zip(PLANTED, texts, strict=True)]
        if name == "duplicate-key":  # the third row has a key of this name in an inner object, which is no fault
            del told[2]
            planted[PLANTED[2]] = planted[PLANTED[2]].replace(HERE, "")
        yield Files(name, flaw, "rows.jsonl", _with(base, planted), told)
    for name, flaw, chats, code, keys in _BAD_CHATS:
        planted = {line: json.dumps({"messages": chat}) for line, chat in zip(PLANTED, chats, strict=True)}
        told = [(code, line, f"messages{key}") for line, key in zip(PLANTED, keys, strict=True)]
        told += [
            (other, PLANTED[row], f"messages{key}") for (trap, row), (other, key) in _FOLLOWING.items() if trap == name
        ]
        yield Files(name, flaw, "rows.jsonl", _with(CHATS, planted), told)
    wrong = zip(PLANTED, ("x", [1], {"a": 1}), strict=True)
    tools = {line: json.dumps({"messages": [USER, SAYS], "tools": value}) for line, value in wrong}
    base = jsonl(grammars.travelling(40))
    told = [("wrong_type", line, "tools") for line in PLANTED]
    yield Files("tools-not-a-list", "tools that are no list of objects", "rows.jsonl", _with(base, tools), told)


def files() -> Iterator[Files]:
    """Files that are damaged as a whole, of another format than their name says, or empty."""
    yield from _encodings()
    yield from _damaged()
    yield from _tables()
    yield from _formats()


def _encodings() -> Iterator[Files]:
    bad = _with(PAIRS, {19: '{"prompt": "caf@ au lait", "completion": "c"}'}).replace(b"caf@", b"caf\xe9")
    place = bad.index(b"\xe9")
    yield Files("invalid-utf8", "a byte that is not UTF-8", "rows.jsonl", bad, [("invalid_utf8", 19, "", 16)],
                f"byte 0xe9 at byte offset {place} of the file")  # fmt: skip
    rows = [{"text": f"{row['text']} {'Schöne Grüße' if i in (6, 18, 39) else ''}", "label": row["label"]}
            for i, row in enumerate(grammars.reviews(40))]  # fmt: skip
    latin = table(rows).decode().encode("latin-1")
    marks = [len(line[: line.index("ö")]) + 1 for line in table(rows).decode().split("\n") if "ö" in line]
    yield Files("latin-1", "a table in Latin-1", "rows.csv", latin,
                [("invalid_utf8", line, "", mark) for line, mark in zip((8, 20, 41), marks, strict=True)])  # fmt: skip
    for name, encoding in (("utf-16", "utf-16"), ("utf-16-without-mark", "utf-16-le"), ("utf-32", "utf-32")):
        wide = TABLE.decode().encode(encoding)
        yield Files(name, f"a table in {encoding.upper()}", "rows.csv", wide, [("utf16", 1)])
    yield Files("byte-order-mark", "a byte order mark", "rows.jsonl", codecs.BOM_UTF8 + PAIRS, same_as=PAIRS)
    yield Files("byte-order-mark-table", "a byte order mark before a table", "rows.csv", codecs.BOM_UTF8 + TABLE,
                same_as=TABLE)  # fmt: skip
    yield Files("crlf", "lines that end in CR LF", "rows.jsonl", PAIRS.replace(b"\n", b"\r\n"), same_as=PAIRS)
    yield Files("crlf-table", "lines of a table that end in CR LF", "rows.csv", TABLE.replace(b"\n", b"\r\n"),
                same_as=TABLE)  # fmt: skip
    yield Files("bare-cr", "lines that end in CR alone", "rows.jsonl", PAIRS.replace(b"\n", b"\r"),
                [("carriage_return", 1, "", len(_lines(PAIRS)[0]) + 1)])  # fmt: skip
    yield Files("bare-cr-table", "lines of a table that end in CR alone", "rows.csv", TABLE.replace(b"\n", b"\r"),
                [("carriage_return", 1)])  # fmt: skip
    one = _with(TABLE, {8: "a fine\rlamp,positive"})
    yield Files("cr-inside", "a bare CR inside a row of a table", "rows.csv", one, [("carriage_return", 8)])


def _damaged() -> Iterator[Files]:
    row = json.dumps({"prompt": "a", "completion": "x" * 20_000_000})
    yield Files("long-line", "a line of 20 MB", "rows.jsonl", _with(PAIRS, {19: row}), [("line_too_long", 19)],
                f"{len(row) + 1:,} bytes")  # fmt: skip
    yield Files("truncated", "a file cut in its last line", "rows.jsonl", PAIRS[:-30], [("truncated", 40)])
    array = ("[\n" + ",\n".join(_lines(PAIRS)) + "\n]\n").encode()
    yield Files("truncated-array", "an array cut in its last row", "rows.json", array[:-30], [("truncated", 41)])
    yield Files("text-after-array", "a second array in the file", "rows.json", array + array, [("invalid_json", 43)])
    yield Files("comma-at-the-end", "a comma after the last row of an array", "rows.json",
                array.replace(b"\n]", b",\n]"), [("invalid_json", 41, "", len(_lines(PAIRS)[-1]) + 2)])  # fmt: skip
    missing = array.replace(b"},\n", b"}\n", 1)
    yield Files(
        "comma-missing", "no comma between two rows of an array", "rows.json", missing, [("invalid_json", 3, "", 1)]
    )
    good = parquet(grammars.reviews(120))
    yield Files(
        "cut-parquet", "a Parquet file cut short", "rows.parquet", good[: len(good) // 2], [("damaged_file", 1)]
    )
    third = good.index(grammars.reviews(120)[110]["text"].encode())
    flipped = good[:third] + bytes([good[third] ^ 1]) + good[third + 1 :]
    yield Files(
        "flipped-parquet", "one bit of a Parquet file flipped", "rows.parquet", flipped, [("damaged_file", 101)]
    )
    rows = grammars.reviews(60)
    nulls = parquet([{**row, "label": None if i in (0, 57) else row["label"]} for i, row in enumerate(rows)])
    yield Files("parquet-null", "null labels in Parquet", "rows.parquet", nulls,
                [("empty_field", line, "label") for line in (1, 58)])  # fmt: skip
    for name, content in (("empty", b""), ("blank-lines", b"\n \n\t\n\r\n\n"), ("only-a-mark", codecs.BOM_UTF8)):
        yield Files(f"{name}-file", f"{name.replace('-', ' ')}, no row", "rows.jsonl", content, [("refused", 0)],
                    "there are no rows")  # fmt: skip
    yield Files("header-alone", "a table of a header alone", "rows.csv", b"text,label\n", [("refused", 0)], "no rows")
    yield Files("empty-array", "an empty array", "rows.json", b"[]\n", [("refused", 0)], "there are no rows")
    pages = {f"{i}.txt": row["text"].encode() for i, row in enumerate(tongues.pages(6))}
    pages |= {"b/notes.md": b"fine\nna\xefve\n", "empty.txt": b" \n"}
    yield Files("bad-document", "a folder with a file in Latin-1 and an empty one", "folder", pages,
                [("invalid_utf8", 2, "", 3, "b/notes.md"), ("empty_field", 1, "text")])  # fmt: skip


def _tables() -> Iterator[Files]:
    def told(code: str, *lines: int) -> list[Place]:
        return [(code, line) for line in lines]

    ragged = _with(TABLE, {8: "too few", 20: "one, too, many", 41: "a,b,c,d,e"})
    yield Files("ragged-rows", "rows with too few and too many fields", "rows.csv", ragged,
                told("wrong_field_count", 8, 20, 41))  # fmt: skip
    broken = _with(TABLE, {8: '"a fine', 9: "", 10: 'lamp ""here""",positive', 20: "one,too,many", 30: ",positive"})
    yield Files("quoted-line-breaks", "rows after quoted line breaks", "rows.csv", broken,
                [("wrong_field_count", 20), ("empty_field", 30, "text")])  # fmt: skip
    yield Files("unclosed-quote", "a quote that never closes", "rows.csv", _with(TABLE, {20: '"a fine lamp,positive'}),
                told("unclosed_quote", 20))  # fmt: skip
    yield Files("bad-quote", "text after a closing quote", "rows.csv",
                _with(TABLE, {8: '"a" fine lamp,positive', 20: 'x,"pos"itive'}), told("bad_quote", 8, 20))  # fmt: skip
    twice = b"text,label,text\n" + b"".join(line + b",x\n" for line in TABLE.split(b"\n")[1:-1])
    yield Files("duplicate-header", "two columns of one name", "rows.csv", twice, [("duplicate_column", 1, "text")])
    yield Files("no-header", "a table without names of its columns", "rows.csv", TABLE.split(b"\n", 1)[1],
                [("refused", 0)], "the first line")  # fmt: skip
    other = _with(TABLE, {8: "a fine lamp;positive", 20: "a bad lamp;negative", 41: "a lamp;negative"})
    yield Files("other-delimiter", "rows with another delimiter than the header", "rows.csv", other,
                told("wrong_field_count", 8, 20, 41))  # fmt: skip
    empty = _with(TABLE, {8: "a fine lamp,", 20: ",negative", 41: " ,negative"})
    yield Files("empty-cells", "cells without a value", "rows.csv", empty,
                [("empty_field", 8, "label"), ("empty_field", 20, "text"), ("empty_field", 41, "text")])  # fmt: skip
    damaged = _with(TABLE, {8: "a \0 lamp,positive"})
    yield Files("nul-in-table", "a NUL character in a table", "rows.csv", damaged, [("nul_byte", 8, "", 3)])
    semicolons = table(grammars.reviews(40), delimiter=";")
    yield Files("semicolons", "a table with semicolons", "rows.csv", semicolons, same_as=TABLE)


def _formats() -> Iterator[Files]:
    refused = [("refused", 0)]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", TABLE)
    packed = gzip.compress(PAIRS, mtime=0)
    yield Files("gzip", "a gzip file named .jsonl", "rows.jsonl", packed, [("not_text", 1)], "gzip")
    yield Files(
        "spreadsheet", "a spreadsheet named .csv", "rows.csv", zipped.getvalue(), [("not_text", 1)], "spreadsheet"
    )
    yield Files("parquet-as-jsonl", "a Parquet file named .jsonl", "rows.jsonl", parquet(grammars.reviews(40)),
                [("not_text", 1)], "Parquet")  # fmt: skip
    yield Files("csv-as-parquet", "a table named .parquet", "rows.parquet", TABLE, [("damaged_file", 1)])
    yield Files("jsonl-as-csv", "JSON lines named .csv", "rows.csv", PAIRS, [("not_a_table", 1)], ".jsonl")
    yield Files("csv-as-jsonl", "a table named .jsonl", "rows.jsonl", TABLE,
                [("invalid_json", line, "", 1) for line in range(1, 42)])  # fmt: skip
    array = b"[" + b",".join(PAIRS.split(b"\n")[:-1]) + b"]\n"
    yield Files("array-as-jsonl", "an array named .jsonl", "rows.jsonl", array, [("not_an_object", 1)], ".json")
    one = json.dumps({"data": [json.loads(line) for line in _lines(PAIRS)]}, indent=1).encode()
    yield Files("wrapped-array", "an array inside an object", "rows.json", one, refused, "one object instead of rows")
    share = [{"dialogue": [{"speaker": "human", "says": "hi"}, {"speaker": "gpt", "says": "hello"}]}] * 20
    yield Files("dialogue", "conversations under other names", "rows.jsonl", jsonl(share), refused, "'dialogue'")
    better = [{"prompt": "hi", "chosen": "hello", "rejected": "go away"}] * 20
    yield Files("preferences", "a better and a worse answer", "rows.jsonl", jsonl(better), refused, "preferences")
    rated = [{**row, "label": n % 3 > 0} for n, row in enumerate(grammars.library(20))]
    yield Files("rated-answers", "pairs rated true or false", "rows.jsonl", jsonl(rated), refused, "bad answers")
    half = [row if n % 3 else {"text": row["text"]} for n, row in enumerate(grammars.reviews(20))]
    yield Files("labels-missing", "texts of which some have no label", "rows.jsonl", jsonl(half),
                [("missing_field", line, "label") for line in range(1, 21, 3)])  # fmt: skip
    few = [{"text": row["text"]} if n % 3 else row for n, row in enumerate(grammars.reviews(20))]
    yield Files("few-labels", "texts of which few have a label", "rows.jsonl", jsonl(few), refused, "'label'")
    late = [{"instruction": row["prompt"], "output": row["completion"]} for row in grammars.library(210)]
    late.append({**late[7], "input": "Only here."})
    yield Files("late-input", "an input that one late row has", "rows.jsonl", jsonl(late),
                [("unread_field", 211, "input")])  # fmt: skip
    both = [{**pair, **review} for pair, review in zip(grammars.library(20), grammars.reviews(20), strict=True)]
    yield Files(
        "two-kinds-of-columns", "columns of two kinds of rows", "rows.jsonl", jsonl(both), refused, "several ways"
    )
    yield Files("unknown-suffix", "a name that says nothing", "rows.data", PAIRS, refused, ".jsonl")


def _documents() -> dict[str, bytes]:
    return {
        f"{'ab'[i % 2]}/page-{i:03}.{('md', 'txt')[i % 2]}": row["text"].encode()
        for i, row in enumerate(tongues.pages(200))
    }


def _upper_sorted() -> list[Row]:
    return sorted(grammars.reviews(300, seed=1), key=lambda row: row["label"])


# Clean sources: name of the file, and its content.
CLEAN: dict[str, Callable[[], tuple[str, Content]]] = {
    "conversations under one system prompt": lambda: ("workshop.jsonl", jsonl(grammars.workshop(400))),
    "conversations under many long system prompts": lambda: ("personas.jsonl", jsonl(grammars.personas(300))),
    "several turns with tools and weights": lambda: ("travelling.jsonl", jsonl(grammars.travelling(300))),
    "answers of code, XML and HTML": lambda: ("coding.jsonl", jsonl(grammars.coding(400))),
    "pairs": lambda: ("library.jsonl", jsonl(grammars.library(400))),
    "answers quoted from the prompt": lambda: ("extraction.jsonl", jsonl(grammars.extraction(300))),
    "six languages": lambda: ("polyglot.parquet", parquet(tongues.polyglot(300))),
    "translations in an array": lambda: (
        "translations.json",
        json.dumps(tongues.translations(250), ensure_ascii=False, indent=1).encode(),
    ),
    "reviews": lambda: ("reviews.csv", table(grammars.reviews(400), end="\r\n")),
    "reviews sorted by label": lambda: ("sorted.tsv", table(_upper_sorted(), delimiter="\t")),
    "German texts sorted by label": lambda: ("german.csv", table(tongues.german(240), delimiter=";")),
    "short commands": lambda: ("commands.csv", table(tongues.commands(300))),
    "documents": lambda: ("documents", _documents()),
}
