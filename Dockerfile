# A small image that serves a .onnx file of `twinlens export`, without torch:
#
#   docker build --tag twinlens-serve .
#   docker run --read-only --publish 127.0.0.1:8000:8000 --env TWINLENS_TOKEN \
#       --volume "$PWD/model.onnx:/model.onnx:ro" twinlens-serve
FROM python:3.12-slim

WORKDIR /build
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --constraint constraints.txt \
        numpy pillow jaxtyping pydantic typer onnxruntime \
        fastapi uvicorn python-multipart prometheus-client filelock \
    && pip install --no-cache-dir --no-deps . \
    && rm -rf /build

RUN useradd --system --no-create-home serve
USER serve
WORKDIR /
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["twinlens", "serve"]
CMD ["/model.onnx", "--host", "0.0.0.0"]
