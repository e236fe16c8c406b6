"""Write faq.jsonl: questions and answers about the invented Fernway Library as prompts and completions.

Run it from anywhere with plain Python: ``python examples/faq/make_data.py``. It needs only the standard library and
always writes the same file.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

from facts import table

SEED = 0


def normalise(text: str) -> str:
    """Lower case, letters and digits only, single spaces."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def main() -> None:
    """Check the table, write faq.jsonl and print its counts."""
    facts = table()
    seen: set[str] = set()
    for answer, questions in facts:
        assert len(questions) >= 10, f"too few questions: {answer}"
        for question in questions:
            assert normalise(question) not in seen, f"asked twice: {question}"
            seen.add(normalise(question))
    rows = [
        {"prompt": f"Question: {question}\nAnswer:", "completion": f" {answer}"}
        for answer, questions in facts
        for question in questions
    ]
    random.Random(SEED).shuffle(rows)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (Path(__file__).resolve().parent / "faq.jsonl").write_text(text, encoding="utf-8")
    print(f"facts: {len(facts)}, rows: {len(rows)}")


if __name__ == "__main__":
    main()
