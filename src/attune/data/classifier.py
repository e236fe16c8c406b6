"""The plain classifier that asks what words alone teach about labels: TF-IDF and logistic regression."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from attune.data.example import Example, LabelledText

# Words, marks, and single signs of scripts that put no space between words. Letters in place of words, or beside them,
# found fewer planted errors in the reviews of the examples, as did fewer words in a row.
TOKEN = r"[\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]"
FEATURES = 1 << 20
# With fewer rows, or fewer in a class, what a classifier learns from the others is chance.
FEWEST_ROWS, FEWEST_OF_CLASS = 50, 10


def text_classifier(longest: int) -> Any:
    """A scikit-learn pipeline, texts in, probabilities out, of up to so many words in a row."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, longest), sublinear_tf=True, token_pattern=TOKEN, max_features=FEATURES)
    return make_pipeline(words, LogisticRegression(C=30.0, max_iter=1000))


def learnable(examples: Sequence[Example], most: int) -> list[int]:
    """Rows with a label that enough others have; of very many, a sample that does not depend on their order."""
    rows = [index for index, example in enumerate(examples) if isinstance(example, LabelledText)]
    counts = Counter(examples[index].label for index in rows)  # type: ignore[union-attr]
    rows = [index for index in rows if counts[examples[index].label] >= FEWEST_OF_CLASS]  # type: ignore[union-attr]
    if len(rows) > most:
        rows = sorted(sorted(rows, key=lambda index: zlib.crc32(examples[index].id.encode()))[:most])
    return rows
