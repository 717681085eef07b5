"""What `twinlens serve` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class ServeRequest(Request):
    """Answer requests over HTTP, and serve a page on which people classify an image.

    Attributes:
        model: Folder of a model: a run's model/, or a study's best/; or a .onnx file of
            `twinlens export`, which needs no torch.
        host: Address to listen on. Any but this machine's own needs a token.
        port: Port to listen on; 0 for a free one.
        token_file: File that holds the token that clients must send; default: the environment
            variable TWINLENS_TOKEN, if set.
        allowed_hosts: Further names by which clients may call this server.
        cases: Data set with the training images, to show pictures of the nearest cases.
        keep: Folder in which images and answers are stored; default: nothing is stored.
        max_mb: Megabytes that a request may have.
        max_images: Images that a request may have.
        max_batch: Images of concurrent requests that are predicted together, at most.
        queue: Images that may wait to be predicted; more are turned away.
        rate: Requests for predictions that a client may make in a minute.
        upload_seconds: Seconds within which a request must have arrived.
        tta: Views of test-time augmentation; 1 is the image alone; default: the model's own. ONNX
            files have none.
        device: auto, cpu, cuda or mps; ONNX files run on the CPU.
    """

    COMMAND: ClassVar = "serve"
    POSITIONAL: ClassVar = ("model",)
    OPTIONS: ClassVar = {"allowed_hosts": "allow-host"}

    model: Path | str
    _: KW_ONLY
    host: str = "127.0.0.1"
    port: int = 8000
    token_file: Path | str | None = None
    allowed_hosts: tuple[str, ...] = ()
    cases: Path | str | None = None
    keep: Path | str | None = None
    max_mb: float = 20
    max_images: int = 16
    max_batch: int = 16
    queue: int = 128
    rate: int = 120
    upload_seconds: float = 30
    tta: int | None = None
    device: str = "auto"
