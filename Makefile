# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo    the environment, then the main job on synthetic images
#   make test    the environment, then the tests (the slowest are in make slow)
PYTHON ?= python3
BIN := .venv/bin
PEERS := .venv-peers/bin
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: demo test slow check real peers kills soak fuzz clean

demo: .venv/installed
	$(BIN)/twinlens demo --out demo

# One process per core, each with one thread.
test: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto

# The tests that take ten seconds or more: killed trainings and studies, the demonstration.
slow: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m slow

# Format, lint, types, import layers and workflows.
check: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --pedantic .github

# Tests on real images, tables and weights in ../shared; they skip where it is missing.
real: .venv/tested
	$(BIN)/pytest -m real

# The second environment: timm, lightly, fastai and others, for oracle tests and benchmarks.
peers: .venv-peers/installed
	PYTHONPATH=src $(PEERS)/pytest -m peers tests/peers

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) --constraint constraints.txt --upgrade pip
	$(BIN)/python $(PIP) --constraint constraints.txt --editable .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/python $(PIP) --constraint constraints.txt \
		--editable .[timm,lora,tune,explain,dicom,excel,ray,serve,remote,hub,onnx,tensorboard,mlflow,wandb] --group dev
	touch $@

.venv-peers/installed: pyproject.toml constraints-peers.txt
	$(PYTHON) -m venv .venv-peers
	$(PEERS)/python $(PIP) --requirement constraints-peers.txt
	touch $@

# Kills commands at random moments, resumes them and compares: make kills N=200
kills: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/kills.py $(or $(N),200)

# Sends many requests to the servers and watches errors and memory: make soak N=86400
soak: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/soak.py $(or $(N),86400)

# Feeds broken files to every reader: make fuzz N=2000
fuzz: .venv/tested
	TWINLENS_FUZZ=$(or $(N),2000) OMP_NUM_THREADS=1 $(BIN)/pytest tests/test_fuzz.py -s

clean:
	rm -rf .venv .venv-peers demo
