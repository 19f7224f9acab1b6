"""The steps of a study on a Dask cluster; a lost worker's go to another one."""

from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack
from pathlib import Path

from vaer.cluster import connected, num_threads
from vaer.errors import RunError
from vaer.studies.children import perform
from vaer.studies.folder import StudyRun
from vaer.studies.run import Local, step_of
from vaer.studies.schedule import Slots


class Cluster(Local):
    """Steps as processes beside the workers of a cluster, which see the study's folder and the corpus as they are here.

    Raises UserError where no cluster answers, RunError where it goes away.
    """

    def __init__(self, address: str, slots_: Slots) -> None:
        super().__init__(slots_)
        self.address = address
        self.stack = ExitStack()
        self.client = self.stack.enter_context(connected(address))

    def __exit__(self, *error: object) -> None:
        """Close the client."""
        self.stack.close()

    @property
    def jobs(self) -> int:
        """How many steps are done at once."""
        return max(1, num_threads(self.client))

    def do(self, task: str, jobs: Iterable[list[str]]) -> Iterator[list[str]]:
        """Do a step for each list of folders, in the order in which they end."""
        from distributed import KilledWorker, as_completed

        environment = {"OMP_NUM_THREADS": str(self.slots.threads)}
        futures = {self.client.submit(perform, step_of(task, folders, environment), pure=False): folders
                   for folders in jobs}
        for future in as_completed(list(futures)):
            folders = futures.pop(future)
            try:
                future.result()
            except KilledWorker as error:
                StudyRun(Path(folders[0])).fail(task, None, f"{error.allowed_failures + 1} workers were lost over it")
            except CancelledError as error:
                raise RunError(f"--scheduler {self.address}: the cluster went away; what was trained is saved: go on "
                               f"by the same command.") from error
            yield folders
