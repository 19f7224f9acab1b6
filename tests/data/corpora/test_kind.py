from makers import make_item

from vaer.data.corpora.kind import OwnSettings, lacks_nothing, names_no_take


def test_what_a_corpus_says_that_has_nothing_to_say():
    assert OwnSettings() == OwnSettings()
    assert OwnSettings.flags == "data."
    assert lacks_nothing([make_item("a.wav")], OwnSettings(), {"1"}) == ""
    assert names_no_take("01-01-01-01-01-01-01") is None
