import base64
import io

import numpy as np
import pytest
from makers import tone, write_video, write_wav
from PIL import Image

from vaer.errors import MediaError
from vaer.report.thumbnails import SIDE, thumbnail


def test_a_thumbnail_is_the_middle_frame(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=21, size=(64, 64))
    address = thumbnail(str(path))
    head, _, data = address.partition(",")
    assert head == "data:image/jpeg;base64"
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert image.shape == (SIDE, SIDE, 3)
    from makers import grey

    assert image.mean() == pytest.approx(grey(10, 64, 64).mean(), abs=3)
    assert thumbnail(str(path)) == address


def test_a_waveform_alone_has_none(tmp_path):
    assert thumbnail(str(write_wav(tmp_path / "a.wav", tone(0.5)))) is None


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.mp4"):
        thumbnail(str(tmp_path / "gone.mp4"))
