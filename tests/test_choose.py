import dataclasses
import typing

import pytest

from vaer.choose import choose, classes_of, modules_of
from vaer.config import AudioConfig, DataConfig, FusionConfig, VideoConfig
from vaer.data.corpora import CORPORA
from vaer.errors import UserError
from vaer.models.audio import AUDIO_BRANCHES
from vaer.models.fusion import FUSIONS
from vaer.models.video import VIDEO_BRANCHES


def test_an_entry_or_the_choices():
    assert choose({"one": 1, "two": 2}, "two", "how.many") == 2
    with pytest.raises(UserError, match=r"^--how\.many 'three' is unknown; choose from one, two\.$"):
        choose({"two": 2, "one": 1}, "three", "how.many")


def test_a_package_as_a_table_of_its_kinds():
    from vaer.data.corpora import demo, table
    from vaer.models.fusion.cross_attention import CrossAttentionFusion

    assert modules_of("vaer.data.corpora", "demo", csv="table") == {"csv": table, "demo": demo}
    assert classes_of("vaer.models.fusion", "Fusion", "cross_attention") == {"cross_attention": CrossAttentionFusion}
    with pytest.raises(ModuleNotFoundError, match="lacking"):
        modules_of("vaer.data.corpora", "lacking")


@pytest.mark.parametrize(("table", "section", "name"), [
    (FUSIONS, FusionConfig, "kind"), (VIDEO_BRANCHES, VideoConfig, "kind"), (AUDIO_BRANCHES, AudioConfig, "kind"),
    (CORPORA, DataConfig, "corpus")])
def test_a_table_and_its_setting_name_the_same_kinds(table, section, name):
    setting = next(field for field in dataclasses.fields(section) if field.name == name)
    assert set(table) == set(typing.get_args(setting.type))
    assert setting.default in table
