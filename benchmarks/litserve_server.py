"""The server of LitServe's documentation for the models of serving.py, which starts it.

In the second environment:

    PYTHONPATH=src:tests/peers python benchmarks/litserve_server.py MODEL PORT
"""

import sys
from pathlib import Path

import litserve
import numpy as np

from twinlens.importing.decode import decode, square
from twinlens.serving.backend import open_backend


class _Api(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002
        self.model = open_backend(Path(sys.argv[1]), "cpu")

    def decode_request(self, request):
        return square(decode(request["images"].file.read()), self.model.about.size)

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, x):
        return self.model.answer(x)

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return {"probabilities": output.probabilities.tolist()}


if __name__ == "__main__":
    api = _Api(max_batch_size=16, batch_timeout=0.01)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False)
