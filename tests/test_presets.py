import dataclasses
from typing import get_args

import pytest

from vaer.config import AudioConfig, VideoConfig
from vaer.presets import AUDIO_PRESETS, VIDEO_PRESETS


@pytest.mark.parametrize(("presets", "section"), [(VIDEO_PRESETS, VideoConfig), (AUDIO_PRESETS, AudioConfig)])
def test_presets_are_the_choices_and_fill_what_is_left_open(presets, section):
    fields = {field.name: field for field in dataclasses.fields(section)}
    assert tuple(sorted(get_args(fields["preset"].type))) == tuple(sorted(presets))
    for values in presets.values():
        assert {fields[name].default for name in values} == {None}
        section(**values)  # every value is in its range
