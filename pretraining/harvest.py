"""English prose from the docstrings of installed, permissively licensed packages; nothing is imported or executed."""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

PACKAGE_CAP = 2_600_000
MINIMUM_LENGTH = 120
MAXIMUM_LENGTH = 1_800
PACKAGES = (
    "torch",
    "transformers",
    "sympy",
    "pandas",
    "scikit-learn",
    "scipy",
    "numpy",
    "networkx",
    "datasets",
    "pydantic",
    "SQLAlchemy",
    "rich",
    "Jinja2",
    "pyarrow",
    "typer",
    "altair",
    "click",
    "huggingface-hub",
    "tokenizers",
    "fsspec",
    "matplotlib",
    "requests",
    "httpx",
    "Flask",
    "Werkzeug",
    "Django",
    "statsmodels",
    "dask",
    "xarray",
    "nltk",
    "scikit-image",
    "seaborn",
    "polars",
    "bokeh",
    "distributed",
    "Sphinx",
    "aiohttp",
    "attrs",
    "Pygments",
    "pytest",
    "setuptools",
    "pip",
    "jsonschema",
    "joblib",
    "safetensors",
    "starlette",
    "fastapi",
    "uvicorn",
    "accelerate",
    "peft",
    "hypothesis",
    "mypy",
    "streamlit",
    "plotly",
    "gensim",
    "spacy",
    "textual",
    "anyio",
    "trio",
    "tornado",
    "notebook",
    "ipython",
    "babel",
    "docutils",
    "textblob",
    "cryptography",
    "pillow",
    "botocore",
    "boto3",
    "beautifulsoup4",
    "black",
)
PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|ISC|0BSD|HPND)\b", re.IGNORECASE)
RESTRICTIVE = re.compile(r"\b(A?L?GPL|GNU|MPL|Mozilla|proprietary|CC-BY-NC)\b", re.IGNORECASE)
_ROLE = re.compile(r":[\w:+.-]+:`([^`]*?)(?:\s*<[^>`]*>)?`")
_LINK = re.compile(r"`([^`<]+?)\s*<[^>`]*>`_{0,2}")
_MARKDOWN_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_REFERENCE = re.compile(r"\s*\[[\w.-]+\]_")
_WORD = re.compile(r"^[\"'(]*[A-Za-z][a-z'’-]*[a-z]?[\"').,;:!?]*$")
_SECTION = re.compile(
    r"^(parameters?|returns?|args|arguments|raises|attributes|examples?|references?|see also|yields|"
    r"notes?|usage|methods|keyword "
    r"arguments|warnings?|inputs?|outputs?|shape|exceptions)\s*:?$",
    re.I,
)
_SKIPPED_SECTION = re.compile(
    r"^(parameters?|returns?|args|arguments|raises|attributes|examples?|references?|see also|"
    r"yields|usage|methods|keyword arguments|shape|exceptions)\s*:?$",
    re.IGNORECASE,
)


def licence_of(name: str) -> str | None:
    """Return the declared licence of an installed distribution if it is permissive, else None."""
    try:
        info = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classifiers = [
        value.split("::")[-1].strip() for value in info.get_all("Classifier") or [] if value.startswith("License ::")
    ]
    declared = info.get("License-Expression") or "; ".join(classifiers) or (info.get("License") or "")
    declared = " ".join(declared.split())[:120]
    if not PERMISSIVE.search(declared) or RESTRICTIVE.search(declared):
        return None
    return declared


def _python_files(name: str) -> list[Path]:
    distribution = metadata.distribution(name)
    files = [file for file in distribution.files or [] if str(file).endswith(".py") and ".." not in str(file)]
    skipped = ("/tests/", "/test/", "/_vendor/", "/vendored/", "/externals/", "/dummy_")
    kept = [file for file in files if not any(part in f"/{file}" for part in skipped)]
    return [Path(str(distribution.locate_file(file))) for file in sorted(kept, key=str)]


def _standard_library() -> list[Path]:
    root = Path(sysconfig.get_paths()["stdlib"])
    skipped = {"site-packages", "test", "tests", "idle_test", "lib2to3", "__pycache__", "ensurepip"}
    return [path for path in sorted(root.rglob("*.py")) if skipped.isdisjoint(path.relative_to(root).parts)]


def docstrings(path: Path) -> Iterator[str]:
    """Yield the docstrings of one source file without running it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = path.read_text(encoding="utf-8")
            if '"""' not in source and "'''" not in source:
                return
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node, clean=True)
            if text and len(text) >= MINIMUM_LENGTH:
                yield text


def clean_markup(text: str) -> str:
    """Remove inline markup that is not English."""
    text = _ROLE.sub(lambda match: match[1].lstrip("~."), text)
    text = _LINK.sub(r"\1", text)
    text = _MARKDOWN_LINK.sub(r"\1", text)
    text = _REFERENCE.sub("", text)
    text = text.replace("``", "").replace("`", "").replace("**", "")
    text = re.sub(r"(?<!\w)\*(\w[^*\n]*\w)\*(?!\w)", r"\1", text)
    return re.sub(r"\|(\w+)\|", r"\1", text)


def _is_prose(paragraph: str) -> bool:
    if len(paragraph) < 50 or any(
        mark in paragraph for mark in (">>>", "http", "===", "---", "|--", "::", "\\", "$", "@", " : ")
    ):
        return False
    tokens = paragraph.split()
    if len(tokens) < 9 or paragraph[0] in "-*+#.|:>" or paragraph[-1] not in ".!?:)\"'":
        return False
    words = sum(1 for token in tokens if _WORD.match(token))
    symbols = sum(1 for character in paragraph if character in "=_<>{}[]/\\|~^#%")
    return words / len(tokens) > 0.76 and symbols / len(paragraph) < 0.015


def paragraphs(docstring: str) -> Iterator[str]:
    """Yield the prose paragraphs of a docstring, joined to one line each."""
    skipping = False
    for block in re.split(r"\n\s*\n", docstring):
        lines = block.split("\n")
        if _SECTION.match(lines[0].strip()):
            skipping = bool(_SKIPPED_SECTION.match(lines[0].strip()))
            lines = lines[2:] if len(lines) > 1 and set(lines[1].strip()) <= set("-=~") else lines[1:]
        elif skipping and lines[0][:1] not in (" ", "\t", ""):
            skipping = len(lines) > 1 and set(lines[1].strip()) <= set("-=")
        if skipping:
            yield from explanations(lines)
            continue
        if not lines or any(line.lstrip().startswith(("..", "@", ":param", ":return", "+-")) for line in lines):
            continue
        indents = {len(line) - len(line.lstrip()) for line in lines if line.strip()}
        if len(indents) > 2:
            continue
        text = " ".join(clean_markup(" ".join(line.strip() for line in lines)).split())
        if text.endswith("::"):
            text = text[:-1]
        if _is_prose(text):
            yield text


def explanations(lines: list[str]) -> Iterator[str]:
    """Yield the indented explanations of a parameter section, one per parameter."""
    current: list[str] = []
    for line in [*lines, "end"]:
        indented = line[:1] in (" ", "\t")
        if indented and not line.lstrip().startswith(("-", "*", "..", ">>>", "|", ":")):
            current.append(line.strip())
            continue
        text = " ".join(clean_markup(" ".join(current)).split())
        if len(text) >= 80 and text[:1].isupper() and _is_prose(text):
            yield text
        current = []


class Harvest:
    """Collects prose documents and remembers paragraphs already taken."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def documents(self, texts: Iterator[str], cap: int = PACKAGE_CAP) -> Iterator[str]:
        """Yield documents of at most MAXIMUM_LENGTH characters made of new paragraphs."""
        total = 0
        for text in texts:
            fresh = []
            for paragraph in paragraphs(text):
                if paragraph not in self.seen and len(paragraph) <= MAXIMUM_LENGTH:
                    self.seen.add(paragraph)
                    fresh.append(paragraph)
            for document in pack(fresh):
                total += len(document)
                yield document
            if total > cap:
                return


def pack(parts: list[str]) -> Iterator[str]:
    """Join paragraphs to documents, splitting at paragraph boundaries."""
    current = ""
    for part in parts:
        if current and len(current) + len(part) + 2 > MAXIMUM_LENGTH:
            if len(current) >= MINIMUM_LENGTH:
                yield current
            current = ""
        current = f"{current}\n\n{part}" if current else part
    if len(current) >= MINIMUM_LENGTH:
        yield current


def _topics() -> Iterator[str]:
    path = Path(sysconfig.get_paths()["stdlib"]) / "pydoc_data" / "topics.py"
    if not path.exists():
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            for value in node.values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield inspect.cleandoc(value.value)


def _all_docstrings(files: list[Path]) -> Iterator[str]:
    for path in files:
        yield from docstrings(path)


def harvest() -> Iterator[tuple[str, str, str]]:
    """Yield (source, licence, document) for every harvested document, in a fixed order."""
    collector = Harvest()
    for document in collector.documents(_topics()):
        yield "python language reference", "PSF-2.0", document
    for document in collector.documents(_all_docstrings(_standard_library())):
        yield "python standard library", "PSF-2.0", document
    for name in PACKAGES:
        licence = licence_of(name)
        if licence is None:
            continue
        for document in collector.documents(_all_docstrings(_python_files(name))):
            yield name, licence, document
