"""Where the runs of a study are carried out, and how many at a time."""

from dataclasses import dataclass

from twinlens.errors import UserError


@dataclass(frozen=True)
class Pool:
    """Processes that share the runs of a study or the trials of a search.

    Attributes:
        device: "auto", "cpu", "cuda" or "mps".
        workers: Number of processes; None for this one only, and on Ray for as many as fit.
        runs_per_gpu: Processes that share a GPU.
        ray: Address of a Ray cluster that carries the runs out: HOST:PORT, "auto" for the one that
            this machine belongs to, or "local" for one that is started here and ends with them.
    """

    device: str = "auto"
    workers: int | None = None
    runs_per_gpu: int = 1
    ray: str | None = None

    def check(self) -> None:
        """Check the numbers.

        Raises:
            UserError: One of them is below 1.
        """
        for option, value in (("workers", self.workers), ("runs-per-gpu", self.runs_per_gpu)):
            if value is not None and value < 1:
                raise UserError(f"--{option} {value} must be 1 or more.")
