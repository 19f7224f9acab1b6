import pickle

from vaer.errors import MediaError, UserError, warn_once


def test_media_errors_survive_the_way_out_of_a_worker():
    error = pickle.loads(pickle.dumps(MediaError("a.mp4", "is broken")))
    assert isinstance(error, UserError)
    assert (error.path, error.reason, str(error)) == ("a.mp4", "is broken", "a.mp4: is broken")


def test_a_warning_is_given_once(caplog):
    for _ in range(2):
        warn_once("the soup is hot")
    assert caplog.messages == ["the soup is hot"]
