"""Embeddings freed of what is the speaker's alone."""

import torch
from torch import Tensor, nn

PRIOR_CLIPS = 4  # clips of the training population that count among every speaker's own
FLOOR = 1e-5  # of the variance: that of batch norm


class SpeakerNorm(nn.Module):
    """Centres and scales each embedding by the mean and the deviation of its speaker's clips.

    Without a clip of the speaker these are those of the training population, PRIOR_CLIPS clips of which always count
    among the speaker's own. In training they come from the steps before, through which no gradient flows: every clip
    of a speaker's first epoch, then as many as an epoch has, the older ones fading. In evaluation nothing is known of
    a speaker until `by` is told.
    """

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        one = torch.ones(1 + dim).double()
        self.register_buffer("population", torch.cat([one[:1], one[1:] * 0, one[1:]]))  # 1, the mean, the mean square
        self.memory: SpeakerMemory | None = None

    def forward(self, embedding: Tensor, speakers: Tensor, present: Tensor) -> Tensor:
        """(batch, dim); `present` (batch,) says which rows tell something of their speaker."""
        if not self.training or self.memory is None:
            return self.by(embedding, self.population.new_zeros(len(embedding), len(self.population)))
        self.memory.step += self.sums_of(embedding, speakers, present, len(self.memory.step))
        return self.by(embedding, self.memory.sums[speakers])

    def by(self, embedding: Tensor, sums: Tensor) -> Tensor:
        """(batch, dim), centred and scaled by what `sums` (batch, 1 + 2 dim) holds of the speaker of each row."""
        dim = embedding.shape[1]
        clips, total, squares = (sums + PRIOR_CLIPS * self.population).split([1, dim, dim], dim=1)
        mean = total / clips
        deviation = ((squares / clips - mean ** 2).clamp(min=0) + FLOOR).sqrt()
        return (embedding.float() - mean.float()) / deviation.float()

    @staticmethod
    def sums_of(embedding: Tensor, speakers: Tensor, counted: Tensor, num_speakers: int) -> Tensor:
        """The clips, the sum and the sum of squares of each speaker's embeddings, (speakers, 1 + 2 dim) float64.

        Each row counts as `counted` (batch,) says. Sums of several batches or processes add up.
        """
        values = embedding.detach().double()
        each = torch.cat([torch.ones_like(values[:, :1]), values, values ** 2], dim=1) * counted.unsqueeze(1)
        return each.new_zeros(num_speakers, each.shape[1]).index_add(0, speakers, each)

    def remember(self, clips: Tensor) -> None:
        """Keep sums of the training speakers, `clips` (speakers,) being how many each of them has in an epoch."""
        self.memory = SpeakerMemory(clips.to(self.population), len(self.population))

    def learn(self, step: Tensor) -> None:
        """End a step in which the clips of `step`, (speakers, 1 + 2 dim) over all processes, were seen."""
        self.memory.add(step)
        total = self.memory.sums.sum(0)
        self.population.copy_(torch.where(total[0] > 0, total / total[0], self.population))


class SpeakerMemory:
    """Sums over the clips of each training speaker; saved and restored with the run."""

    def __init__(self, most: Tensor, width: int) -> None:
        self.most = most
        """(speakers,): clips of an epoch, more are not remembered."""
        self.sums = most.new_zeros(len(most), width)
        """(speakers, 1 + 2 dim), of the steps that ended."""
        self.step = torch.zeros_like(self.sums)
        """The same of the step under way, on this process."""

    def add(self, step: Tensor) -> None:
        """Take in a step; what is over `most` clips of a speaker is taken evenly off all older ones."""
        room = (self.most - step[:, 0]).clamp(min=0)
        kept = (room / self.sums[:, 0].clamp(min=1)).clamp(max=1)
        self.sums = self.sums * kept.unsqueeze(1) + step
        self.step = torch.zeros_like(self.sums)

    def state_dict(self) -> dict[str, Tensor]:
        """The sums."""
        return {"sums": self.sums}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` gave."""
        self.sums = state["sums"].to(self.sums)


def speaker_norms(network: nn.Module) -> list[SpeakerNorm]:
    """Every speaker norm of a network."""
    return [module for module in network.modules() if isinstance(module, SpeakerNorm)]
