"""Recipes, overrides and names of files that must end in a refusal. Each is text of ours; none is a real attack."""

from __future__ import annotations

LONG = "x" * 5000
BOMB = "a: &a [x, x]\n"
BOMB += "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True))
RECIPES = {
    "billion-laughs": BOMB,
    "5000-deep-flow": "data: " + "[" * 5000,
    "400-deep-blocks": "".join(" " * i + "a:\n" for i in range(400)),
    "duplicate-key": "data: {train: rows.jsonl}\ndata: {train: other.jsonl}\n",
    "duplicate-inner-key": "data: {train: rows.jsonl, train: rows.jsonl}\n",
    "over-1-mb": "# " + "x" * 1_000_001,
    "20000-unknown-keys": "data: {train: rows.jsonl}\n" + "".join(f"k{i}: 1\n" for i in range(20_000)),
    "3000-unknown-keys": "data: {train: rows.jsonl}\n" + "".join(f"k{i}: 1\n" for i in range(3000)),
    "200000-values": "data: [" + "a," * 200_000 + "]\n",
    "tab": "data:\n\ttrain: rows.jsonl\n",
    "nul": 'data: {train: "rows\0.jsonl"}\n',
    "escaped-nul": 'data: {train: "rows\\0.jsonl"}\n',
    "surrogate": 'data: {train: "\\ud800.jsonl"}\n',
    "beyond-unicode": 'data: {train: "\\U00110000"}\n',
    "900-kb-path": f"data: {{train: {'x' * 900_000}}}\n",
    "empty-path": 'data: {train: ""}\n',
    "null-path": "data: {train: ~}\n",
    "tag": "data: !!python/object/apply:os.system [id]\n",
    "yaml-1.1": "%YAML 1.1\n---\ndata: {train: rows.jsonl}\ntraining: {epochs: 010}\n",
    "two-documents": "data: {train: rows.jsonl}\n---\ndata: {train: rows.jsonl}\n",
    "list": "- data\n",
    "word": "rows.jsonl\n",
    "empty": "",
    "5000-digits": f"data: {{train: rows.jsonl}}\ntraining: {{epochs: {'9' * 5000}}}\n",
    "300-digits": f"data: {{train: rows.jsonl}}\ntraining: {{epochs: {'9' * 300}}}\n",
    "beyond-64-bits": f"data: {{train: rows.jsonl, split: {{seed: {2**63}}}}}\n",
    "infinite": "data: {train: rows.jsonl}\ntraining: {learning_rate: .inf}\n",
    "not-a-number": "data: {train: rows.jsonl, split: {test: .nan}}\n",
    "list-as-key": "? [data]\n: {train: rows.jsonl}\n",
    "unclosed": 'data: {train: "rows.jsonl\n',
    "utf-16": "\ufeffdata: {train: rows.jsonl}\n",  # written so
}
OVERRIDES = [
    "", "=", "training", "=1", "data=5", "data.train=", "data.train=''", "data.train=[", "data.train=" + "[" * 3000,
    "data.train=\0", "data.train=\ud800", f"data.train={LONG}", "data.train=*a", "data.train=&a b",
    "data.train=!!python/name:os.system", "data.columns={prompt: 1}", "data.columns={promt: x}",
    "a." * 50_000 + "b=1", "data.columns." + "a." * 50_000 + "b=1",
    "x" * 100_000 + "=1", "training.epochs=" + "9" * 5000, f"training.epochs={10**30}",
    "training.epochs=1e999", "training.learning_rate=.nan", "training.seed=-1", "training.seed=4294967296",
    "data.split.test=1", "data.split.test=0.99999", "training={epochs: 2, epochs: 3}", "data.audit.skip=[nope]",
    "data.audit.skip=nope", "data.clean.drop=[label_errors]", "data.clean.drop=[" + "a," * 20_000 + "]",
    "data.audit={class_ratio: .inf}",
]  # fmt: skip
SOURCES = [
    LONG, f"{LONG}.jsonl", f"{LONG}.yaml", "", "rows\0.jsonl", "recipe\0.yaml", "\ud800.jsonl", "\ud800.yaml", ".",
    "/dev/null", "/dev/zero", "/proc/self/mem", "-", "~nobody/rows.jsonl", "missing.yaml", "folder.yaml",
    "empty-folder", "\x1b[31m.jsonl",
]  # fmt: skip
