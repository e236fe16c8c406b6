import base64
import json
import random
import string
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from clock import ends_soon
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.data.personal import _RULES, Pseudonyms, Span, find, mask, personal_data
from attune.recipe import Audit

IBANS = {"DE": 22, "GB": 22, "NO": 15, "BE": 16, "FR": 27, "MT": 31, "LC": 32, "RU": 33, "PL": 28, "CH": 21}
HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nbm9w\n-----END RSA PRIVATE KEY-----"


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, span.of(text)) for span in find(text)]


def luhn_digit(payload: str) -> str:
    """The check digit by the book: from the right, every second digit counts twice, with its digits added up."""
    total = 0
    for place, digit in enumerate(reversed(payload)):
        total += int(digit) if place % 2 else sum(divmod(2 * int(digit), 10))
    return str(-total % 10)


def card(draw: random.Random, prefix: str, length: int) -> str:
    payload = prefix + "".join(draw.choices(string.digits, k=length - len(prefix) - 1))
    return payload + luhn_digit(payload)


def cards(draw: random.Random, number: int) -> list[str]:
    networks = [("4", 13), ("4", 16), ("4", 19), ("51", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15)]
    networks += [("6011", 16), ("62", 19), ("36", 14), ("3528", 16), ("5018", 13), ("2204", 16)]
    return [card(draw, *draw.choice(networks)) for _ in range(number)]


def other_digit(draw: random.Random, digit: str) -> str:
    return draw.choice([d for d in string.digits if d != digit])


def iban(draw: random.Random) -> str:
    """Valid by the book: 98 less the remainder that the check digits 00 leave."""
    country = draw.choice(list(IBANS))
    account = "".join(draw.choices(string.digits + string.ascii_uppercase, k=IBANS[country] - 4))
    rest = 0
    for character in account + country + "00":
        value = int(character, 36)
        rest = (rest * (100 if value > 9 else 10) + value) % 97
    return f"{country}{98 - rest:02}{account}"


def in_fours(value: str, gap: str) -> str:
    return gap.join(value[i : i + 4] for i in range(0, len(value), 4))


WRITINGS: list[Callable[[str], str]] = [str, lambda v: in_fours(v, " "), lambda v: in_fours(v, "\u00a0")]


@pytest.mark.parametrize("written", [*WRITINGS, lambda v: in_fours(v, "-")])
def test_precision_and_recall_of_card_numbers_are_1(written: Callable[[str], str]) -> None:
    draw = random.Random(1)
    for valid in cards(draw, 500):
        # One group of one digit at the end is no way to write a card.
        value = written(valid) if len(valid) % 4 != 1 else valid
        assert found(f"Paid with {value}, thanks.") == [("card", value)]
        wrong = valid[:-1] + other_digit(draw, valid[-1])
        if written is str or len(valid) <= 16:
            assert found(f"Paid with {written(wrong)}, thanks.") == []
        else:  # the first 16 of 19 digits may be a card of their own, with a check code behind it
            assert ("card", written(wrong)) not in found(f"Paid with {written(wrong)}, thanks.")


@pytest.mark.parametrize("written", [*WRITINGS, str.lower])
def test_precision_and_recall_of_ibans_are_1(written: Callable[[str], str]) -> None:
    draw = random.Random(2)
    for _ in range(500):
        valid = iban(draw)
        assert found(f"To {written(valid)}.") == [("iban", written(valid))]
        place = draw.choice([i for i, character in enumerate(valid) if character.isdigit()])
        wrong = valid[:place] + other_digit(draw, valid[place]) + valid[place + 1 :]
        assert not any(kind == "iban" for kind, _ in found(f"To {written(wrong)}."))
        assert not any(kind == "iban" for kind, _ in found(f"To {valid}7."))


def test_published_ibans_of_every_length_are_found() -> None:
    published = (
        "NO9386011117947 BE68539007547034 DK5000400440116243 FI2112345600000785 NL91ABNA0417164300 SI56263300012039086 "
        "AT611904300234573201 CH9300762011623852957 DE89370400440532013000 AE070331234567890123456 "
        "ES9121000418450200051332 SE4550000000058398257466 PT50000201231234567890154 IS140159260076545510730339 "
        "FR1420041010050500013M02606 PL61109010140000071219812874 BR1800360305000010009795493C1 "
        "JO94CBJO0010000000000131000302 MT84MALT011000012345MTLCAST001S LC55HEMM000100010012001200023015 "
        "RU0204452560040702810412345678901"
    )
    assert found(published) == [("iban", value) for value in published.split()]


@pytest.mark.parametrize(("check", "same_rest"), [("97", "00"), ("98", "01"), ("02", "99")])
def test_ibans_with_check_digits_that_no_bank_computes_are_not_found(check: str, same_rest: str) -> None:
    draw = random.Random(3)
    valid = next(value for value in iter(lambda: iban(draw), "") if value[2:4] == check)
    assert found(valid) == [("iban", valid)]
    assert found(valid[:2] + same_rest + valid[4:]) == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4111 1111 1111 1111", ["4111 1111 1111 1111"]),
        ("4111 1111 1111 1112", []),
        ("3782 822463 10005", ["3782 822463 10005"]),
        ("4111-1111-1111-1111 12/27 737", ["4111-1111-1111-1111"]),
        ("12 4111111111111111", ["4111111111111111"]),
        ("4111111111111111,5500000000000004", ["4111111111111111", "5500000000000004"]),
        ("x4111111111111111 4111111111111111x 41111111111111111111", []),
        ("0.4111111111111111 and 4111111111111111.5", []),
        ("0000 0000 0000 0000 and 1111111111111117", []),
        ("6666666666666664 6666666666666", ["6666666666666664"]),  # the second has a Luhn digit too
        ("8888888888888888", []),
        ("1650000000000", []),
        ("９１１１ 4１11 1111 1111 1111", []),
        ("GB82WEST12345698765432", ["GB82WEST12345698765432"]),
        ("GB82 WEST 1234 5698 7654 32 IS MINE", ["GB82 WEST 1234 5698 7654 32"]),
        ("GB82 GB82 WEST 1234 5698 7654 32", ["GB82 WEST 1234 5698 7654 32"]),
        ("GB82WEST12345698765431 GB82WEST1234569876543 ZZ82WEST12345698765432", []),
        ("\u212aW81CBKU0000000000001234560101", []),  # the Kelvin sign is no K
        ("KW81CBKU0000000000001234560101", ["KW81CBKU0000000000001234560101"]),
        ("123-45-6789", ["123-45-6789"]),
        ("000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000 123456789 123-45-67890 1-123-45-6789", []),
        ("Write to Jo.Public+x@mail.example.co.uk.", ["Jo.Public+x@mail.example.co.uk"]),
        ("'jürgen@bücher.example' <o'brien@x.org>; _a@b.com_", ["jürgen@bücher.example", "o'brien@x.org", "a@b.com"]),
        ("иван@почта.рф a@xn--80a.xn--p1ai", ["иван@почта.рф", "a@xn--80a.xn--p1ai"]),
        ("a@b, a@b.c, @b.com, a @b.com, a@.com, a@b..com, pkg@1.2.3", []),
        ("8.8.8.8:53, http://9.9.9.9/x", ["8.8.8.8", "9.9.9.9"]),
        ("at 2607:f8b0:4005:80a::200e: up, [2606:4700::] too", ["2607:f8b0:4005:80a::200e", "2606:4700::"]),
        ("10.0.0.1 127.0.0.1 192.168.1.1 172.16.0.1 169.254.1.1 0.0.0.0 192.0.2.1 203.0.113.9 224.0.0.1", []),
        ("::1 :: fe80::1 fd00::2607:1::1 fd00:2607:1::1 2001:db8::1 x[1::2] 12:30:45 std::dead::beef", []),
        ("version 1.2.3.4, v1.2.3.4, Version: 1.2.3.4, v. 1.2.3.4, Chrome/1.2.3.4", []),
        ("1.2.3.4.5 256.1.1.1 1.2.3 08.8.8.8", []),
        ("Call +49 (0)151 1234-5678 or +15551234567.", ["+49 (0)151 1234-5678", "+15551234567"]),
        ("+1 555 123 4567x89", ["+1 555 123 4567"]),
        ("+1234567 +1234567890123456 2+12345678 +3.14159265 +0123456789 0151 12345678", []),
    ],
)
def test_what_is_found(text: str, values: Sequence[str]) -> None:
    assert [value for _, value in found(text)] == values


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "ghp_" + "aB3d" * 9,
        "gho_" + "aB3d" * 9,
        "ghs_" + "aB3d" * 9,
        "github_pat_" + "11ABCDEFG0_" * 3,
        "sk-proj-abcDEF123456ghiJKL7890",
        "xoxb-123456789012-abcdef",
        "xoxp-123456789012-abcdef",
        "glpat-abcDEF_12345-ghiJKL78",
        "AIza" + "Sy-_x" * 7,
        PRIVATE_KEY,
        PRIVATE_KEY.replace("\n", "\\n"),
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: a-b\n\nlQVYBF-----END PGP PRIVATE KEY BLOCK-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7",  # cut off
        f"{HEADER}.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_",
    ],
)
def test_secrets_of_well_known_forms_are_found_whole(secret: str) -> None:
    assert found(f"Use {secret} here.") == [("secret", secret)]


@pytest.mark.parametrize(
    "text",
    [
        "AKIA2SHORT",
        "XAKIAIOSFODNN7EXAMPLE",
        "AKIAIOSFODNN7EXAMPLEX",
        '<div class="sk-folding-cube-container-inner">',
        "eyes.are.open",
        f"{base64.urlsafe_b64encode(b'[1,2,345678]').decode()}.eyJzdWIiOiIxIn0.c2ln",
        f"{HEADER[:-3]}.eyJzdWIiOiIxIn0.c2ln",
        "-----BEGIN PUBLIC KEY-----\nMIIEpAIBAAKCAQEA7\n-----END PUBLIC KEY-----",
    ],
)
def test_what_only_looks_like_a_secret_is_not_found(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "beside", ["api_key=", "API_KEY: ", "the secret is ", '"password": "', "Token := '", '\\"key\\": \\"', "pwd => "]
)
def test_random_tokens_are_secrets_beside_such_words_only(beside: str) -> None:
    token = "Zx81qLw0PfTn3vRb7YcK"
    assert found(f"{beside}{token}.") == [("secret", token)]
    assert found(f"the value {token}") == found(f"{beside}{token[:19]}") == []


def test_the_entropy_threshold_is_the_recipes() -> None:
    text = "key=" + "ab12" * 6  # 2 bits per character
    assert find(text, 2.0) == find(text) == []
    assert find(text, 1.99) == [Span("secret", 4, 28)]
    assert found("token = tokenizer.convert_ids_to_tokens(x)") == []
    assert [f.evidence["kind"] for f in personal_data([Document("1", Origin("f", 1), text)], Audit(secret_entropy=1))]


def test_deeply_nested_json_is_no_token() -> None:
    head = base64.urlsafe_b64encode(b'{"a":' + b"[" * 100_001).rstrip(b"=").decode()
    assert find(f"{head}.a.b") == []


def test_the_more_specific_kind_wins() -> None:
    assert found("secret: 4111111111111111") == [("card", "4111111111111111")]
    assert found("token is AKIAIOSFODNN7EXAMPLE") == [("secret", "AKIAIOSFODNN7EXAMPLE")]
    assert found("4111111111111111@mail.com") == [("card", "4111111111111111")]
    assert found("123-45-6789@mail.com") == [("email", "123-45-6789@mail.com")]
    assert found("+4915112345678 4915112345678") == [("phone", "+4915112345678"), ("card", "4915112345678")]


PIECES = [
    "4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "123-45-6789", "+49 151 12345678",
    "GB82WEST12345698765432", "gb82 west 1234 5698 7654 32", "bob@x.com", "Bob@X.com", "+4915112345678",
    "8.8.8.8", "2606:4700::1", "2606:4700:0::1", "AKIAIOSFODNN7EXAMPLE", "Zx81qLw0PfTn3vRb7YcK", "(0)", "é",
    "key=", "password is ", "version ", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----",
    *" .-_:+@/[]'=\nxv12",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


@settings(max_examples=1000, deadline=None)
@given(HOSTILE)
@example("bob@x.version 9.9.9.9")
@example("bob@x.com-bob@x.com1bob@x.com+4915112345678+4915112345678")
@example("123-45-6789.4111111111111111")
@example("token=Zx81qLw0PfTn3vRb7YcK: Zx81qLw0PfTn3vRb7YcK")
def test_spans_are_in_order_and_nothing_is_left_after_masking(text: str) -> None:
    spans = find(text)
    assert all(0 <= span.begin < span.end <= len(text) for span in spans)
    assert all(left.end <= right.begin for left, right in pairwise(spans))
    masked = mask(text, spans, Pseudonyms())
    assert find(masked) == []
    for left, right in zip([None, *spans], [*spans, None], strict=True):
        assert text[left.end if left else 0 : right.begin if right else None] in masked


@settings(max_examples=300, deadline=None)
@given(HOSTILE)
def test_what_is_shown_is_at_most_a_third(text: str) -> None:
    for span in find(text):
        value, shown = span.of(text), span.shown(text)
        pieces = shown.replace("@", "").split("...")
        assert len(shown) < len(value) + 8
        assert sum(map(len, pieces)) <= len(value) / 3
        assert value not in shown


def test_values_are_shown_by_their_ends() -> None:
    for text, shown in [
        ("jane@example.com", "j...@...com"),
        ("a@b.info", "...@..."),
        ("4111 1111 1111 1111", "41...11"),
        ("8.8.8.8", "8...8"),
        ("123-45-6789", "1...9"),
    ]:
        assert [span.shown(text) for span in find(text)] == [shown]


def test_one_value_has_one_pseudonym() -> None:
    names = Pseudonyms()
    for text, masked in [
        ("Ann@x.org or bob@x.org", "[EMAIL_1] or [EMAIL_2]"),
        ("bob@x.org, ANN@X.ORG", "[EMAIL_2], [EMAIL_1]"),
        ("4111111111111111 4111-1111-1111-1111 5500000000000004", "[CARD_1] [CARD_1] [CARD_2]"),
        ("GB82WEST12345698765432 gb82 west 1234 5698 7654 32", "[IBAN_1] [IBAN_1]"),
        ("+49 (0)151 12345678, +4915112345678", "[PHONE_1], [PHONE_1]"),
        ("2606:4700::1 2606:4700:0:0::1 8.8.8.8", "[IP_1] [IP_1] [IP_2]"),
        ("AKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLF", "[SECRET_1] [SECRET_2]"),
    ]:
        assert mask(text, find(text), names) == masked


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1), st.randoms(use_true_random=False))
def test_pseudonyms_are_equal_exactly_when_values_are(people: list[int], draw: random.Random) -> None:
    addresses = [draw.choice([str.upper, str.lower, str.title])(f"someone{number}@mail.example") for number in people]
    text = ", ".join(addresses)
    names = mask(text, find(text), Pseudonyms()).split(", ")
    assert len(set(zip(people, names, strict=True))) == len(set(people)) == len(set(names))


def test_text_without_spans_stays() -> None:
    assert mask("as it is", [], Pseudonyms()) == "as it is"


def test_findings_count_every_text_of_every_kind_of_example() -> None:
    turns = ("Mail root@host.org", "I am ann@x.org", "And ann@x.org")
    roles = ("system", "user", "assistant")
    messages = tuple(Message(role, text) for role, text in zip(roles, turns, strict=True))
    examples: list[Example] = [
        Conversation("1", Origin("a", 1), messages),
        Pair("2", Origin("a", 2), "Who is bob@x.org?", "4111 1111 1111 1111"),
        LabelledText("3", Origin("a", 3), "8.8.8.8 or +49 151 12345678", "eve@x.org"),
        Document(
            "4",
            Origin("a", 4),
            f"{PRIVATE_KEY} GB82WEST12345698765432 123-45-6789 joe@mail.example.org al@mail.example.org",
        ),
        Document("5", Origin("a", 5), "nothing here"),
    ]
    findings = {finding.evidence["kind"]: finding for finding in personal_data(examples, Audit())}
    assert {kind: finding.severity for kind, finding in findings.items()} == {
        **dict.fromkeys(["secret", "card", "iban", "ssn"], "error"),
        **dict.fromkeys(["email", "phone"], "warning"),
        "ip": "info",
    }
    email = findings["email"]
    assert email.what == "3 rows hold 6 e-mail addresses, for example r...@...org."
    assert email.rows == (Origin("a", 1), Origin("a", 2), Origin("a", 4))
    assert email.evidence == {"kind": "email", "hits": 6, "examples": ["r...@...org", "...@...org", "j...@...org"]}
    assert findings["card"].what == "1 row holds 1 card number, for example 41...11."
    assert findings["card"].rows == (Origin("a", 2),)
    assert "evoke" in findings["secret"].advice and "evoke" not in email.advice
    for finding in findings.values():
        record = json.dumps(finding.record())
        assert finding.check == "personal_data" and finding.advice.count(".") >= 1
        assert not any(value in record for value in ("ann@x.org", "4111 1111", "8.8.8.8", "MIIE", "123-45-6789"))
    assert personal_data(examples[-1:], Audit()) == []


@pytest.mark.parametrize("unit", ["1", "4111 ", "a", "a@", ":", "-"])
def test_a_megabyte_takes_little_time(unit: str) -> None:
    text = (unit * 1_000_000)[:1_000_000]
    with ends_soon():
        find(text)


UNITS = [
    "41", "4111 1111 1111 1111 ", "1.", "8.8.8.8 ", "2607:", "2607::", "a@b.", "@a.", "a.", "bob@x.com-", "+1", "+49 ",
    "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "key=", "key is ", "key=a1b2c3", "sk-", "eyJ.", "eyJ-", "ghp_",
    "GB82 ", "GB82 WEST 1234 5698 7654 32 ", "123-45-6789.4111111111111111-", "[", " ", "\n", "é",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_no_text_takes_more_than_linear_time(unit: str) -> None:
    text = (unit * 200_000)[:200_000]
    with ends_soon():
        find(text)


def test_kinds_are_counted_by_value_not_by_pass() -> None:
    text = "bob@x.version 9.9.9.9 " * 3
    assert Counter(kind for kind, _ in found(text)) == {"email": 3, "ip": 3}


@given(st.text(st.sampled_from("0123456789@+-.: =ekytoKſpwdAISxbg_hD\n"), max_size=60))
@settings(max_examples=300)
@example("toKen = a1a2a3a4a5a6a7a8a9b0")
@example("-----BEGIN PRIVATE KEY-----\nbm9w")
def test_a_rule_that_denies_a_text_finds_nothing_in_it(text: str) -> None:
    for rule in _RULES:
        assert rule.may_hold(text) or not list(rule._replace(may_hold=lambda text: True).spans(text, 3.5))
