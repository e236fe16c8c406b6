import math

import pytest

from attune.data.association import Table, holm, wilson


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_wilson_by_the_book() -> None:
    """Known answer 4: 9 of 10."""
    assert wilson(9, 10) == pytest.approx((0.59585, 0.98212), abs=1e-5)
    assert wilson(0, 0) == (0, 1)
    assert wilson(0, 5) == pytest.approx((0, 0.43448), abs=1e-5)
    assert wilson(5, 5) == pytest.approx((0.56552, 1), abs=1e-5)


def test_a_table_by_hand() -> None:
    table = Table(8, 2, 4, 6)
    assert table.odds_ratio == pytest.approx(8.5 * 6.5 / (2.5 * 4.5))
    assert table.pmi == pytest.approx(math.log(8 * 20 / (10 * 12)))
    # 10 rows of the group, 12 of 20 with the label: all tables that are no likelier than this one.
    ways = [math.comb(12, k) * math.comb(8, 10 - k) for k in range(2, 11)]
    assert table.p_value() == pytest.approx(sum(w for w in ways if w <= ways[6]) / math.comb(20, 10))


def test_tables_with_nothing_in_them() -> None:
    assert Table(0, 5, 5, 0).pmi is None
    assert math.isfinite(Table(0, 5, 5, 0).odds_ratio)
    assert Table(0, 0, 0, 0).odds_ratio == 1
    assert Table(0, 0, 3, 4).p_value() == 1
    assert Table(5, 5, 50, 50).pmi == pytest.approx(0)
