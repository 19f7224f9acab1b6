"""Which windows of a file are asked about: as evaluation cuts a clip, or overlapping ones where it is longer."""

from typing import NamedTuple

from vaer.config import ClipConfig, require, require_range
from vaer.data.windows import evaluation_window
from vaer.records import Window
from vaer.runs.recipe import Recipe

LONGER = 1.25  # times the longest clip of training: what is cut like a clip of its corpus
MOST_S = 15.0  # seconds of frames that are held until it is known whether a shot is longer
LEFT = 0.05  # of a step: what may stay behind the last window without one of its own


class Plan(NamedTuple):
    """How a file is cut into windows."""

    clip: ClipConfig
    views: int
    window_s: float
    step_s: float
    whole_s: float
    """What lasts no longer is cut as evaluation cuts a clip."""

    def whole(self, span: tuple[float, float]) -> list[Window]:
        """The windows of a clip, as its evaluation has them; those that are the same once."""
        views = 1 if self.clip.window_s is None else self.views
        windows = [evaluation_window(span, self.clip, view, views) for view in range(views)]
        return windows if windows[0].start_s < windows[-1].start_s else windows[:1]  # a short clip's are all the same

    def sliding(self, start_s: float) -> Window:
        """The window that begins there."""
        return evaluation_window((start_s, start_s + self.window_s), self.clip, 0, 1)


def make_plan(recipe: Recipe, step_s: float | None = None) -> Plan:
    """The plan of a network's recipe; `step_s` None: half a window. Raises UserError."""
    require_range("step_s", step_s, 0.01)
    window_s = recipe.window_s
    step_s = window_s / 2 if step_s is None else step_s
    require(step_s <= window_s, f"--step_s {step_s} is longer than the windows of this network ({window_s} s), and "
                                f"would leave gaps; give at most that.")
    return Plan(recipe.clip, recipe.views, window_s, step_s,
                max(window_s, min(LONGER * recipe.lengths.longest_clip_s, MOST_S)))


class ShotWindows:
    """The windows of a shot, each given out once it is known that it is one.

    `margin_s` is how much must be known behind the end of one of overlapping windows.
    """

    def __init__(self, plan: Plan, start_s: float, margin_s: float) -> None:
        self.plan, self.start_s, self.margin_s = plan, start_s, margin_s
        self.given = 0
        self.is_long = False

    @property
    def next_s(self) -> float:
        """Where the next of overlapping windows begins; nothing before it is asked for again but by the last one."""
        return self.start_s + self.given * self.plan.step_s

    def due(self, known_s: float) -> list[Window]:
        """The windows that are known, with the shot going on at least until `known_s`."""
        found = []
        while known_s - self.start_s > self.plan.whole_s and (
                known_s >= self.next_s + self.plan.window_s + self.margin_s):
            self.is_long = True
            found.append(self.plan.sliding(self.next_s))
            self.given += 1
        return found

    def last(self, end_s: float, span: tuple[float, float] | None = None) -> list[Window]:
        """The other windows, with the shot ending at `end_s`; `span`: where those of a short one may lie."""
        plan = self.plan
        if end_s - self.start_s <= plan.whole_s and not self.is_long:
            return plan.whole(span or (self.start_s, end_s))
        found = []
        while self.next_s + plan.window_s <= end_s + 1e-9:
            found.append(plan.sliding(self.next_s))
            self.given += 1
        reached_s = self.next_s - plan.step_s + plan.window_s
        if self.given == 0 or end_s - reached_s > LEFT * plan.step_s:
            found.append(plan.sliding(max(self.start_s, end_s - plan.window_s)))
        return found
