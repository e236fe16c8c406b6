"""Languages of rows: told where they are sure, undetermined elsewhere."""

from collections.abc import Callable

import pytest
from clock import ends_soon
from rows_of_kinds import CLEAN, HOSTILE, chats, many_turns, pairs

from attune.data.example import Document, Example, LabelledText, Origin
from attune.data.languages import language, languages
from attune.recipe import Audit

LIMITS = Audit()

SENTENCES = {
    "en": ["The bakery on our street opens at six and sells out of rye bread by nine.",
           "My neighbour repairs old radios and gives them to schools in the valley."],
    "de": ["Der Zug nach Hamburg hatte heute Morgen wieder zwanzig Minuten Verspätung.",
           "Im Garten blühen die ersten Rosen, und die Kinder spielen am Teich."],
    "fr": ["Le marché du village ouvre tous les samedis matin devant la petite église.",
           "Nous avons décidé de repeindre la cuisine pendant les vacances d'été."],
    "es": ["Mi abuela prepara una sopa de verduras muy rica cuando hace frío.",
           "El autobús llegó tarde porque había mucha nieve en la carretera."],
    "it": ["La finestra della camera si apre su un cortile pieno di limoni.",
           "Domani mattina porterò la macchina dal meccanico per un controllo."],
    "pt": ["A minha irmã comprou uma bicicleta nova para ir ao trabalho todos os dias.",
           "O café da esquina fecha cedo aos domingos, mas o bolo é ótimo."],
    "nl": ["De fietsenmaker heeft mijn band gisteren in tien minuten geplakt.",
           "Wij gaan volgend weekend met de kinderen naar het strand wandelen."],
    "pl": ["W sobotę pojechaliśmy nad jezioro, żeby popływać i zjeść świeżą rybę.",
           "Mój brat uczy się grać na gitarze i ćwiczy codziennie wieczorem."],
    "sv": ["Katten sover helst på den varma stenen bredvid vår gamla lada.",
           "Vi behöver köpa mjölk och bröd innan affären stänger i kväll."],
    "fi": ["Isoäitini kutoo villasukkia koko talven ja antaa ne lahjaksi lapsille.",
           "Kesällä saunomme järven rannalla ja uimme vielä myöhään illalla."],
    "cs": ["Včera večer jsme seděli u ohně a vyprávěli si staré příběhy z dětství.",
           "Můj soused opravuje každou sobotu svůj starý červený traktor."],
    "tr": ["Annem her pazar sabahı bütün aile için taze börek pişirir ve çay demler.",
           "Köydeki eski değirmenin yanında küçük bir dere akıyor ve kuşlar ötüyor."],
    "ru": ["Вчера мы долго гуляли по старому парку и кормили уток у пруда.",
           "Моя сестра работает врачом в небольшой больнице за городом."],
    "el": ["Το καλοκαίρι κολυμπάμε κάθε πρωί στη μικρή παραλία κάτω από το χωριό.",
           "Ο παππούς μου καλλιεργεί ντομάτες και αγγούρια στον κήπο του."],
    "ja": ["昨日は友達と一緒に山へ行き、古い寺を見てから温かいそばを食べました。とても楽しかったです。",
           "毎朝、駅の前の小さな店で焼きたてのパンとコーヒーを買ってから、電車で会社に行っています。"],
    "ar": ["ذهبنا أمس إلى السوق القديم واشترينا الخبز الطازج والزيتون من بائع يعرفه والدي.",
           "تعمل أختي طبيبة في مستشفى صغير خارج المدينة وتعود إلى البيت مساء."],
}  # fmt: skip


def test_languages_of_own_sentences_are_told() -> None:
    told = [(name, language(text, LIMITS)) for name, texts in SENTENCES.items() for text in texts]
    assert all(len(text) >= 40 for texts in SENTENCES.values() for text in texts)
    right = sum(name == said for name, said in told)
    assert right / len(told) >= 0.9, [pair for pair in told if pair[0] != pair[1]]
    assert not [pair for pair in told if pair[1] not in (pair[0], None)]


@pytest.mark.parametrize(
    "text",
    ["12345", "ok", "", "12345 67890 " * 20, '{"name": "Berlin", "population": 3600000, "country": "Germany"}',
     "SELECT name, age FROM users WHERE age > 30 ORDER BY name;", "Paris is large.",
     "e4 e5 Nf3 Nc6 Bb5 a6 Ba4 Nf6 O-O Be7 Re1 b5 " * 6,
     "```\nThe bakery on our street opens at six and sells out of rye bread.\n```"],
)  # fmt: skip
def test_what_is_no_language_is_undetermined(text: str) -> None:
    assert language(text, LIMITS) is None


def test_the_limits_decide_what_is_determined() -> None:
    text = "The bakery on our street opens at six."
    assert language(text, LIMITS) == "en"
    assert language(text, Audit(language_letters=40)) is None
    assert language(text, Audit(language_probability=1.0)) is None
    assert language(text * 20_000, LIMITS) == "en"


ENGLISH, GERMAN, FRENCH = SENTENCES["en"][0], SENTENCES["de"][0], SENTENCES["fr"][0]


@pytest.mark.parametrize("make", [pairs, chats])
def test_a_target_in_another_language_is_a_warning_at_its_row(make: Callable[..., list[Example]]) -> None:
    rows = [(ENGLISH, SENTENCES["en"][1])] * 20
    assert languages(make(rows), LIMITS) == []
    rows[4], rows[11] = (ENGLISH, GERMAN), ("Short?", FRENCH)
    info, warning = languages(make(rows), LIMITS)
    assert (warning.severity, [row.line for row in warning.rows]) == ("warning", [5])
    assert warning.evidence["pairs"] == {"en to de": 1}
    assert (info.severity, [row.line for row in info.rows]) == ("info", [12])
    assert info.evidence["languages"] == {"en": 19, "fr": 1}


def test_translation_is_an_info_and_what_deviates_is_found() -> None:
    rows = [(ENGLISH, GERMAN)] * 20
    (info,) = languages(pairs(rows), LIMITS)
    assert (info.severity, info.rows) == ("info", ())
    assert "20 of 20 rows go from en to de" in info.what
    rows[7], rows[13] = (ENGLISH, ENGLISH), (ENGLISH, FRENCH)
    info, warning = languages(pairs(rows), LIMITS)
    assert info.severity == "info"
    assert (warning.severity, [row.line for row in warning.rows]) == ("warning", [8, 14])
    rows[0] = (GERMAN, GERMAN)
    (several, warning) = languages(pairs(rows), LIMITS)
    assert "languages: " in several.what
    assert len(warning.rows) == 18


def test_languages_much_alike_are_one() -> None:
    danish = "Min nabo har plantet tre æbletræer bag det gamle skur i haven."
    norwegian = "Naboen min har kjøpt en ny båt som han skal bruke til sommeren."
    assert (language(danish, LIMITS), language(norwegian, LIMITS)) == ("da", "no")
    assert languages(pairs([(danish, norwegian)] * 3 + [(danish, danish)]), LIMITS) == []


def test_texts_of_other_kinds_have_languages_too() -> None:
    rows = [LabelledText(str(i), Origin("f", i + 1), text, "x") for i, text in enumerate([ENGLISH, ENGLISH, GERMAN])]
    (finding,) = languages(rows, LIMITS)
    assert (finding.severity, [row.line for row in finding.rows]) == ("info", [3])


def test_many_rows_are_sampled_and_it_is_said_so() -> None:
    examples = pairs([("a", "b")] * 5000 + [("Short?", "b")] * 100)
    assert languages(examples, LIMITS) == []
    many = pairs([(ENGLISH, GERMAN)] * 5001)
    (finding,) = languages(many, LIMITS)
    assert "5000 of 5000 rows (a sample of 5001)" in finding.what
    assert finding.evidence["sampled_rows"] == 5000


def test_clean_rows_in_six_languages_are_only_told_to_be_so() -> None:
    rows = [(prompt, target) for prompt, target in CLEAN if "Translate" not in prompt]
    (finding,) = languages(pairs(rows), LIMITS)
    assert finding.severity == "info"
    assert finding.evidence["languages"]["en"] > 5
    assert {rows[row.line - 1][0].split()[0] for row in finding.rows} == {
        "Wie", "Pourquoi", "Où", "¿Dónde", "Escreva", "Какая", "Finde",
    }  # fmt: skip


def test_rows_without_targets_and_no_rows_give_nothing() -> None:
    rows = [LabelledText("1", Origin("f", 1), "null", ""), Document("2", Origin("f", 2), "TODO")]
    assert languages(rows, LIMITS) == []
    assert languages([], LIMITS) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_linear_time(name: str) -> None:
    text = HOSTILE[name]
    language(ENGLISH, LIMITS)  # loads the model
    with ends_soon():
        languages(pairs([(text, text[:-1] + "b")]), LIMITS)


def test_a_conversation_of_many_turns_takes_linear_time() -> None:
    example = many_turns()
    language(ENGLISH, LIMITS)
    with ends_soon():
        languages([example], LIMITS)
