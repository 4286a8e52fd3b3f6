"""Languages of sentences that a person can tell."""

import pytest

from lmkit.data.language import SEEN, LanguageTeller

SENTENCES = {
    "en": "The committee will meet again on Thursday to discuss the budget for next year.",
    "de": "Der Ausschuss trifft sich am Donnerstag wieder, um über den Haushalt zu sprechen.",
    "fr": "Le comité se réunira de nouveau jeudi pour discuter du budget de l'année prochaine.",
    "ru": "Комитет снова соберётся в четверг, чтобы обсудить бюджет на следующий год.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_told(language):
    teller = LanguageTeller([language])
    assert [code for code, text in SENTENCES.items() if teller.keeps(text)] == [language]


def test_any_of_several():
    teller = LanguageTeller(["de", "fr"])
    assert [code for code, text in SENTENCES.items() if teller.keeps(text)] == ["de", "fr"]


def test_only_the_beginning_is_looked_at():
    text = f"{SENTENCES['en']} " * 20 + f"{SENTENCES['ru']} " * 200
    assert len(f"{SENTENCES['en']} " * 20) > SEEN
    assert LanguageTeller(["en"]).keeps(text)
    assert not LanguageTeller(["ru"]).keeps(text)
