"""Predict images with a model that `twinlens export` wrote: no Twinlens, no torch.

    pip install onnxruntime numpy pillow
    python examples/onnx_predict.py MODEL.onnx IMAGE...

Prints CSV: file, predicted class, and the probability of each class. Images of 8 bits a channel.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
classes, size = json.loads(about["classes"]), int(about["size"])
print(",".join(["file", "predicted", *(f"p_{name}" for name in classes)]))
for path in sys.argv[2:]:
    image = Image.open(path)
    image.draft(None, (2 * size, 2 * size))  # a large JPEG is read at a reduced size
    image = ImageOps.exif_transpose(image).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    pixels = np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))
    batch = pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255
    (p,) = session.run(None, {"images": batch})[0]
    print(",".join([path, classes[p.argmax()], *(f"{value:.6f}" for value in p)]))
