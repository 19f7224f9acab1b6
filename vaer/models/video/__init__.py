"""Video branches by the name that `model.video.kind` gives them."""

from vaer.models.video.slowfast import SlowFast
from vaer.models.video.timm_branch import TimmBranch

VIDEO_BRANCHES = {"slowfast": SlowFast, "timm": TimmBranch}
