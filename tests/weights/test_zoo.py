import pytest

from vaer.presets import VIDEO_PRESETS
from vaer.weights.zoo import DOWNLOADS

MILLIONS = {"r50_4x16": 34.48, "r50_8x8": 34.57, "r101_101_101": 62.83, "r101_50_50": 53.77}  # as the zoo counts


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_download_ends_in_its_name_and_is_at_least_as_large_as_its_parameters(name):
    download = DOWNLOADS[name]
    assert download.address.startswith("https://dl.fbaipublicfiles.com/")
    assert download.address.endswith(f"/{name}")
    assert download.preset in VIDEO_PRESETS
    assert int(download.size.split(" MB")[0]) >= int(4 * MILLIONS[download.preset]) - 1
