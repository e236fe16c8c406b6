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
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(words_in_a_row(longest), LogisticRegression(C=30.0, max_iter=1000))


def words_in_a_row(longest: int) -> Any:
    """Its first half: what it counts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, longest), sublinear_tf=True, token_pattern=TOKEN, max_features=FEATURES)


def learnable(examples: Sequence[Example], most: int) -> list[int]:
    """Rows with a label that enough others have, by their ids and not by the order of the file; of many, a sample."""
    if not examples or not isinstance(examples[0], LabelledText):
        return []
    rows = [(row.id, row.label, index) for index, row in enumerate(examples) if isinstance(row, LabelledText)]
    counts = Counter(label for _, label, _ in rows)
    rows = [row for row in rows if counts[row[1]] >= FEWEST_OF_CLASS]
    if len(rows) > most:
        rows = sorted(rows, key=lambda row: zlib.crc32(row[0].encode()))[:most]
    return [index for *_, index in sorted(rows)]
