"""Personal data and secrets in rows: card numbers, IBANs, US social security numbers, secrets, e-mail addresses,
international phone numbers and public IP addresses.

Names, postal addresses and whatever else takes a model to recognise are NOT found: no finding does not mean that
there is no personal data. Every pattern takes time linear in the text, whatever the text is.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from attune.data.example import Example, Origin, texts_of
from attune.data.finding import Finding, Severity
from attune.recipe import Audit

Kind = Literal["secret", "card", "iban", "ssn", "email", "phone", "ip"]
SHOWN_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data of one kind at `text[begin:end]`."""

    kind: Kind
    begin: int
    end: int

    def of(self, text: str) -> str:
        """What stands there."""
        return text[self.begin : self.end]

    def shown(self, text: str) -> str:
        """What stands there for display: first and last characters, at most two each and a third of it in all.

        An e-mail address shows its first character and its top-level domain: j...@...com.
        """
        value = self.of(text)
        third = len(value) // 3
        if self.kind != "email":
            kept = min(2, third // 2)
            return f"{value[:kept]}...{value[len(value) - kept :]}"
        top = value.rpartition(".")[2]
        if len(top) > third:
            return "...@..."
        return f"{value[:1] if len(top) < third else ''}...@...{top}"


class Pseudonyms:
    """Names such as [EMAIL_1]: one value, however it is written, always has the same name, another value another."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Kind, str], int] = {}
        self._last: Counter[Kind] = Counter()

    def __call__(self, kind: Kind, value: str) -> str:
        """The name of a value: kind and number, in the order in which values came."""
        key = kind, _normal(kind, value)
        if key not in self._numbers:
            self._last[kind] += 1
            self._numbers[key] = self._last[kind]
        return f"[{kind.upper()}_{self._numbers[key]}]"


def find(text: str, secret_entropy: float = 3.5) -> list[Span]:
    """Personal data and secrets in a text, in order and without overlap; the more specific kind wins.

    - card: 13 to 19 digits, spaces or dashes between groups, with a card network's prefix and length and a Luhn digit.
    - iban: a country's length and a mod-97 of 1; together or in groups of four.
    - email: letters of any script, without quoted local parts.
    - ip: addresses that are routed in public, unless "version" or "v" stands before one.
    - ssn: US social security numbers with their dashes, without areas, groups and serials that are never given out.
    - phone: + and 8 to 15 digits with separators; national forms need a region to be told from other numbers, and
      are not found.
    - secret: keys of well-known prefixes, private keys, JSON web tokens, and tokens of at least 20 characters with a
      letter, a digit and more than `secret_entropy` bits per character after key, token, secret or password.
    """
    spans: list[Span] = []
    seen = text
    # A mask may set free what it touched ("1.2.3.4" after a masked word "version"), so that one pass is not enough.
    # A text made for it could need as many passes as it has values; a bound keeps the time linear.
    for _ in range(_PASSES):
        before = len(spans)
        for rule in _RULES:
            found = list(rule.spans(seen, secret_entropy))
            seen = mask(seen, found, _blank)
            spans += found
        if len(spans) == before:
            break
    return sorted(spans, key=lambda span: span.begin)


def mask(text: str, spans: Iterable[Span], name: Callable[[Kind, str], str]) -> str:
    """The text with each span (in order, as `find` has them) replaced by its name, for example by `Pseudonyms`."""
    pieces, at = [], 0
    for span in spans:
        pieces += [text[at : span.begin], name(span.kind, span.of(text))]
        at = span.end
    return "".join([*pieces, text[at:]])


def personal_data(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Personal data and secrets in any text of a row, one finding for each kind."""
    hits: Counter[Kind] = Counter()
    rows: dict[Kind, dict[Origin, None]] = {kind: {} for kind in _REPORTS}  # dicts as sets that keep the order
    shown: dict[Kind, dict[str, None]] = {kind: {} for kind in _REPORTS}
    for example in examples:
        for text in texts_of(example):
            for span in find(text, limits.secret_entropy):
                hits[span.kind] += 1
                rows[span.kind][example.origin] = None
                if len(shown[span.kind]) < SHOWN_EXAMPLES:
                    shown[span.kind][span.shown(text)] = None
    return [
        Finding(
            check="personal_data",
            severity=severity,
            what=f"{_count(len(rows[kind]), 'row holds', 'rows hold')} {_count(hits[kind], *names)}, "
            f"for example {next(iter(shown[kind]))}.",
            rows=tuple(rows[kind]),
            advice=advice,
            evidence={"kind": kind, "hits": hits[kind], "examples": list(shown[kind])},
        )
        for kind, (severity, names, advice) in _REPORTS.items()
        if hits[kind]
    ]


_MASK = "Mask them, or remove these rows: a tuned model can repeat what it was trained on."
_REVOKE = "Revoke them, since whoever had this data could have used them, then mask them or remove these rows."
_REPORTS: dict[Kind, tuple[Severity, tuple[str, str], str]] = {
    "secret": ("error", ("secret", "secrets"), _REVOKE),
    "card": ("error", ("card number", "card numbers"), _MASK),
    "iban": ("error", ("IBAN", "IBANs"), _MASK),
    "ssn": ("error", ("US social security number", "US social security numbers"), _MASK),
    "email": ("warning", ("e-mail address", "e-mail addresses"), _MASK),
    "phone": ("warning", ("phone number", "phone numbers"), _MASK),
    "ip": ("info", ("public IP address", "public IP addresses"), _MASK),
}


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _normal(kind: Kind, value: str) -> str:
    match kind:
        case "secret":
            return value
        case "email":
            return value.casefold()
        case "ip":
            return str(ipaddress.ip_address(value))
        case _:  # +44 (0)20 is +44 20
            return "".join(c for c in value.replace("(0)", "").upper() if c.isalnum())


def _blank(_: Kind, value: str) -> str:
    return "[" * len(value)  # as long as the value, and no pattern can cross it, just as none can cross a pseudonym


# From here on: the patterns. Each either starts at the edge of a run of letters and digits, is bounded, or consumes
# what it looked at without success, so that no character is looked at more than a fixed number of times.

_PASSES = 5
_A = r"[^\W_]"  # a letter or digit
_START, _END = rf"(?<!{_A})", rf"(?!{_A})"
_GAP = "[ \u00a0\u202f-]"  # between groups of digits


class _Rule(NamedTuple):
    """A kind, a pattern with a group "value", what says where a value ends, with -1 for no value, and `may_hold`.

    Most texts hold nothing of a kind, and a sign that is quickly looked for says so: where `may_hold` denies, the
    pattern cannot match.
    """

    kind: Kind
    pattern: re.Pattern[str]
    end: Callable[[re.Match[str], float], int]
    may_hold: Callable[[str], object]

    def spans(self, text: str, secret_entropy: float) -> Iterator[Span]:
        if not self.may_hold(text):
            return
        free = 0  # values are looked for inside of values that were refused, but not inside of others
        for match in self.pattern.finditer(text):
            begin = match.start("value")
            if begin >= free and (end := self.end(match, secret_entropy)) > begin:
                free = end
                yield Span(self.kind, begin, end)


def _whole(match: re.Match[str], _: float) -> int:
    return match.end("value")


_PRIVATE_KEY = re.compile(
    r"(?P<value>-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:[^-]|-(?!----))*+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:(?:\s|\\[rn])*+[A-Za-z0-9+/=]{16,}+)*+))"  # cut off
)
_PREFIXED = re.compile(
    rf"{_START}(?P<value>A[KS]IA[0-9A-Z]{{16}}|gh[opsur]_[A-Za-z0-9]{{36,}}+|github_pat_\w{{22,}}+|glpat-[\w-]{{20,}}+"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}+|AIza[\w-]{35}"
    rf"|sk-(?=[A-Za-z_-]{{0,40}}[0-9])[\w-]{{20,}}+){_END}",  # with a digit: sk-loading-indicator-dots is a CSS class
    re.ASCII,
)
# ey and ew are how base64 begins what begins with a brace.
_WEB_TOKEN = re.compile(r"(?<![\w-])(?=(?P<value>(?P<head>e[wy][\w-]++)\.[\w-]++\.[\w-]++))", re.ASCII)


def _web_token(match: re.Match[str], _: float) -> int:
    head = match["head"]
    try:
        json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return -1
    return match.end("value")


_NAMED_TOKEN = re.compile(
    r"(?i:key|token|secret|passw(?:or)?d|pwd)(?i:s?)[\"'`\\]{0,2}(?:\s*+(?:=>|:=|==?|:)|\s++is\b)\s*+[\"'`\\]{0,2}"
    r"(?P<value>[^\s\"'`,;:&<>()\[\]{}|\\]{20,}+)"
)


def _named_token(match: re.Match[str], secret_entropy: float) -> int:
    token = match["value"].rstrip(".!?")  # the sentence's own
    # Without a digit it is nearly always a name in code, as in `token = tokenizer.convert_ids_to_tokens`.
    has_both = any(c.isdigit() for c in token) and any(c.isalpha() for c in token)
    if len(token) < 20 or not has_both or _entropy(token) <= secret_entropy:
        return -1
    return match.start("value") + len(token)


def _entropy(token: str) -> float:
    return -sum(n / len(token) * math.log2(n / len(token)) for n in Counter(token).values())


_IBAN_COUNTRIES = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_IBAN_FORMS = "|".join(
    rf"(?:{countries.replace(' ', '|')})[0-9]{{2}}(?:{_GAP}?[A-Z0-9]{{4}}){{{length // 4 - 1}}}"
    + (rf"{_GAP}?[A-Z0-9]{{{length % 4}}}" if length % 4 else "")
    for length, countries in _IBAN_COUNTRIES.items()
)
_IBAN = re.compile(rf"{_START}(?=(?P<value>(?ai:(?=[A-Z]{{2}}[0-9]{{2}})(?:{_IBAN_FORMS}))){_END})")


def _iban(match: re.Match[str], _: float) -> int:
    iban = _normal("iban", match["value"])
    number = int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4]))
    return match.end("value") if number % 97 == 1 and 2 <= int(iban[2:4]) <= 98 else -1


_CARD = re.compile(  # a dot before or after makes it a decimal number, a plus before makes it a phone number
    rf"{_START}(?<![0-9]\.)(?<!\+)(?=(?P<value>[2-68][0-9]{{3,18}}(?:{_GAP}[0-9]{{2,15}}){{0,6}}))"
)
_CARD_END = re.compile(rf"{_END}(?!\.[0-9])")
_DIGITS = re.compile("[0-9]+")
_DOUBLED = str.maketrans("0123456789", "0246813579")  # with the digits of the double added up
_NETWORKS = re.compile(
    "4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    "|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    "|3[47][0-9]{13}|3(?:0[0-59]|[689][0-9])[0-9]{11,16}|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"  # Amex, Diners Club, JCB
    "|(?:5[0678]|6[0-9])[0-9]{11,17}|220[0-4][0-9]{12,15}|8[12][0-9]{14}"  # Maestro, Discover, UnionPay; Mir; RuPay
)


def _card(match: re.Match[str], _: float) -> int:
    """The longest run of whole groups that is a card: an expiry date or check code may follow after a space."""
    groups, end = _DIGITS.findall(match["value"]), match.end("value")
    while groups:
        digits = "".join(groups)
        if _NETWORKS.fullmatch(digits) and _CARD_END.match(match.string, end) and _luhn(digits):
            return end
        end -= len(groups.pop()) + 1
    return -1


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))
    return total % 10 == 0 and len(set(digits)) > 1


_EMAIL = re.compile(
    rf"(?P<value>{_A}[\w.+%'-]*+@(?:(?:{_A}|-)++\.)+(?:xn--[a-z0-9-]+|[^\W\d_]{{2,}}+){_END})"
    rf"|{_A}[\w.+%'-]*+"  # consumed, lest every character of a long word starts an address
)
_SSN = re.compile(
    rf"{_START}(?<!{_A}-)(?P<value>(?!000|666|9)[0-9]{{3}}-(?!00)[0-9]{{2}}-(?!0000)[0-9]{{4}})(?!-?{_A})"
)
_IP = re.compile(
    rf"{_START}(?P<value>(?<![0-9]\.|[A-Za-z]/)[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}(?!\.[0-9]){_END}"
    # 2000::/3 is all that is given out of IPv6: it always starts with four digits, and x[1::2] does not.
    rf"|(?<![0-9A-Fa-f:]:)[23][0-9A-Fa-f]{{3}}:[0-9A-Fa-f:]{{2,34}}+(?![0-9A-Fa-f:]){_END})"
)
_VERSION = re.compile(r"\b(?:v|ver|version)\W{0,3}$", re.IGNORECASE)


def _ip(match: re.Match[str], _: float) -> int:
    begin, value = match.start("value"), match["value"]
    if value.endswith(":") and not value.endswith("::"):
        value = value[:-1]
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return -1
    is_version = _VERSION.search(match.string[max(0, begin - 12) : begin])
    return begin + len(value) if address.is_global and not address.is_multicast and not is_version else -1


_PHONE = re.compile(
    r"(?P<value>\+[1-9](?:[ \u00a0\u202f().\u2010\u2011\u2013/-]{0,3}[0-9]){7,14}(?![0-9]))"
    rf"|{_A}++\+?"  # 2+12345678 is a sum
)
_DECIMAL = re.compile(r"\+[0-9]+\.[0-9]+")


def _phone(match: re.Match[str], _: float) -> int:
    return -1 if match["value"] and _DECIMAL.fullmatch(match["value"]) else match.end("value")


_HEADS = ("AKIA", "ASIA", "gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xox", "AIza", "sk-")
_NAMES = ("key", "token", "secret", "passw", "pwd")
_has_digit = re.compile("[0-9]").search


def _has_named_digit(text: str) -> bool:
    """A digit, and one of the names in the spellings that IGNORECASE takes for it."""
    folded = text.casefold() if _has_digit(text) else ""
    return any(name in folded for name in _NAMES)


_RULES = (  # the more specific first
    _Rule("secret", _PRIVATE_KEY, _whole, lambda text: "-----BEGIN " in text),
    _Rule("secret", _WEB_TOKEN, _web_token, lambda text: "." in text),
    _Rule("secret", _PREFIXED, _whole, lambda text: any(head in text for head in _HEADS)),
    _Rule("iban", _IBAN, _iban, _has_digit),
    _Rule("card", _CARD, _card, _has_digit),
    _Rule("email", _EMAIL, _whole, lambda text: "@" in text),
    _Rule("ssn", _SSN, _whole, _has_digit),
    _Rule("ip", _IP, _ip, _has_digit),
    _Rule("phone", _PHONE, _phone, lambda text: "+" in text),
    _Rule("secret", _NAMED_TOKEN, _named_token, _has_named_digit),
)
