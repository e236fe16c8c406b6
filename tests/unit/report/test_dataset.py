import json
from pathlib import Path
from typing import Any

import pytest
from test_page import PAYLOADS, Markup, poison

from attune.errors import EnvironmentFault
from attune.report import check_page, dataset
from attune.report.evidence import lines, measures
from attune.report.lengths import binned

Record = dict[str, Any]


def plain(text: str) -> str:
    """The words of a page, without marks of direction."""
    return " ".join(text.replace("\u2068", "").replace("\u2069", "").split())


class Words(Markup):
    def handle_data(self, data: str) -> None:
        super().handle_data(f"{data} ")


def shown(record: Record) -> str:
    return plain(Words(check_page.render(record)).text)


@pytest.mark.parametrize(
    ("severities", "tone", "words"),
    [
        ([], "info", "Nothing found that should be mended in 1,200 rows."),
        (["info"], "info", "Nothing found that should be mended in 1,200 rows."),
        (["warning", "info"], "warning", "1 warning in 1,200 rows."),
        (["warning", "error", "error", "warning", "warning"], "error", "2 errors, 3 warnings in 1,200 rows."),
    ],
)
def test_the_verdict_counts_what_should_be_mended(severities: list[str], tone: str, words: str) -> None:
    assert dataset.verdict([{"severity": severity} for severity in severities], 1200) == (tone, words)


def test_the_parts_and_their_labels_are_a_table(checked: Record) -> None:
    table = dataset.split_table(checked["rows"], checked["labels"])
    assert table.headings == ("", "train", "validation", "test", "all")
    assert table.rows[0] == ("Rows", "480 (73%)", "60 (9%)", "120 (18%)", "660")
    assert table.rows[1] == ("billing", "240 (50%)", "30 (50%)", "60 (50%)", "330 (50%)")


def test_rare_labels_are_one_row_of_the_table() -> None:
    labels = {f"label {i}": {"train": 40 - i} for i in range(30)}
    names = [name for name, *_ in dataset.split_table({"train": 765}, labels).rows]
    assert len(names) == 1 + dataset.LISTED_LABELS + 1 and names[-1] == "10 other labels"
    assert sum(counts["train"] for counts in labels.values()) == 765
    one_more = {name: labels[name] for name in list(labels)[: dataset.LISTED_LABELS + 1]}
    assert "other" not in str(dataset.split_table({"train": 765}, one_more).rows), "one label stands for itself"


def test_a_share_below_one_percent_is_not_called_nothing() -> None:
    table = dataset.split_table({"train": 1000}, {"rare": {"train": 2}, "none": {"train": 0}})
    assert [row[1] for row in table.rows[1:]] == ["2 (0.2%)", "0"]


def test_what_a_finding_stands_on_is_shown_in_plain_lines(checked: Record) -> None:
    found = {finding["check"]: [plain(line) for line in lines(finding)] for finding in checked["findings"]}
    assert found["near_duplicates"] == [
        "support.jsonl:12, support.jsonl:24",
        ", ".join(f"support.jsonl:{12 * i}" for i in range(3, 9)) + ", 1 more",
        "support.jsonl:120, support.jsonl:132",
        "and one more group",
    ]
    assert found["label_errors"] == ["tickets.csv:9: “billing”, others speak for “returns” (probability 0.02)"]
    assert found["similar_labels"] == ["Billing (3), billing (400)"]
    assert found["leaks_into_test"] == [
        "test.csv:4 from train.csv:3 (near prompt)",
        "test.csv:5 from another part (group)",
    ]
    assert found["refusals"] == ["“I am sorry, but”"]
    assert measures(checked["findings"][0]) == "near_duplicate 0.8"


def test_groups_are_counted_by_sizes_that_double(checked: Record) -> None:
    sizes = {"2": 310, "3": 44, "4": 5, "7": 2, "8": 1, "900": 1}
    checked["findings"][0]["evidence"]["group_sizes"] = sizes
    text = shown(checked)
    for words in ("2 rows", "3 rows", "4 to 7 rows", "8 to 15 rows", "512 to 1,023 rows", "310", "and 360 more groups"):
        assert words in text, words


def test_a_check_has_all_of_it_on_one_page(checked: Record) -> None:
    text = shown(checked)
    for words in (
        "2 errors, 4 warnings in 660 rows. The training fits into the memory and takes about 1 min 28 s.",
        "Rows 480 (73%) 60 (9%) 120 (18%) 660", "billing 240 (50%)", "Of 660 rows", "Groups of near copies, by size",
        "Words: AUC 0.520 0.520 0.6", "95% interval 0.440 to 0.600 0.440 to 0.600",
        "Lengths: stability index 0.400 – 0.25", "Median characters 125 → 1,300 –",
        "gender: women 120 (10.0%) label: billing 40% (31% to 49%) 30% (27% to 33%) 1.550 0.09",
        "gender: men 120 (10.0%) none could be made – – – –",
        "Too few rows to compare (fewer than 30): age: young people .",
        "Rows with nothing in common (Vendi score) 88.0",
        "512 (in force) 3 (0.3 %)", "956 MiB of 16.50 GiB", "measured in 9 rehearsed steps; 16.50 GiB are available",
        "Base and tuned on 120 test rows about 2.5 s", "support.jsonl: 12, 24, 36, 48, 60, 72, 84, 96 and 6 more",
    ):  # fmt: skip
        assert words in text, words
    assert "Cramer" not in text, "a measure that was not made has no row"


def test_empty_parts_and_no_findings_leave_a_page(checked: Record) -> None:
    checked |= {"findings": [], "labels": {}, "rows": {"train": 30, "validation": 0, "test": 0}, "split": ""}
    text = shown(checked)
    assert "Nothing found that should be mended in 30 rows." in text and "The audit found nothing to report." in text
    assert "Rows 30 (100%) 30" in text and "Rows by label" not in text and "against each other" not in text


def test_what_does_not_fit_is_said_with_what_was_counted(checked: Record) -> None:
    checked |= {"fits": False, "rehearsal": None, "findings": []}
    html = check_page.render(checked)
    assert '<div class="banner bad"' in html
    assert "The training does not fit into the memory: 648 MiB are counted, 16.50 GiB are available." in html


def test_two_prompts_are_compared_on_the_page(checked: Record) -> None:
    checked["prompts"] = {
        "prompt": "Be brief.", "other_prompt": None, "per": "token", "loss_nats": {"prompt": 2.1, "other_prompt": 2.4},
        "difference": {"value": -0.3, "low": -0.4, "high": -0.2}, "rows": 100, "part": "validation", "left_out": 3,
        "sentence": "The prompt helps.",
    }  # fmt: skip
    text = shown(checked)
    assert "recipe: Be brief. 2.100" in text and "other: none 2.400" in text and "3 more did not fit" in text


@pytest.mark.parametrize("rotation", range(0, 100, 9))
def test_no_payload_of_a_check_becomes_markup(checked: Record, rotation: int) -> None:
    payloads = PAYLOADS[rotation:] + PAYLOADS[:rotation]
    bad = poison(checked, payloads)
    for found, finding in zip(bad["findings"], checked["findings"], strict=True):
        found |= {"severity": finding["severity"], "check": finding["check"]}
    bad["labels"] = {payload: {"train": 3, "test": 1} for payload in payloads}
    for k, evidence in enumerate(found["evidence"] for found in bad["findings"]):
        evidence |= {payloads[k]: payloads[k + 1]}
    bad["findings"][2]["evidence"]["groups"] = [{payloads[3]: 1}]
    seen = Markup(check_page.render(bad))
    assert not {"script", "img", "iframe", "input", "object", "form", "math", "video", "details"} & set(seen.tags)
    assert [seen.tags.count(tag) for tag in ("style", "title", "body")] == [1, 1, 1]
    assert not [name for _, name, _ in seen.attributes if name.startswith("on") or name in {"src", "style"}]
    assert all(value.startswith("#") for _, name, value in seen.attributes if name == "href")
    assert "alert(1)" in seen.text


def test_a_page_that_cannot_be_written_is_an_error_with_its_place(checked: Record, tmp_path: Path) -> None:
    place = tmp_path / "none" / "check.html"
    with pytest.raises(EnvironmentFault, match="cannot write the file") as caught:
        check_page.write(place, checked)
    assert caught.value.where == str(place)
    assert check_page.write(tmp_path / "check.html", checked).read_text() == check_page.render(checked)
    assert [path.name for path in tmp_path.iterdir()] == ["check.html"]


def test_lengths_are_counted_in_at_most_37_bins() -> None:
    assert binned([]) == [] and binned([0, 0]) == []
    assert binned([1, 1, 5]) == [[1, 2, 2], [5, 6, 1]]
    bins = binned(range(1000))
    assert len(bins) <= 37 and sum(count for _, _, count in bins) == 1000
    assert json.loads(json.dumps(bins)) == bins
