"""Video branches by the name that `model.video.kind` gives them."""

from vaer.models.video.slowfast import SlowFast

VIDEO_BRANCHES = {"slowfast": SlowFast}
