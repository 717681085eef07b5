import pytest
import torch

from twinlens.engine.device import make_fabric, precision_of, resolve_precision
from twinlens.engine.environment import describe_environment
from twinlens.errors import UserError


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_precision_that_is_asked_for_is_used_and_recorded(precision):
    fabric = make_fabric(precision, "cpu")
    assert precision_of(fabric) == precision == describe_environment(fabric).precision
    with fabric.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if precision == "bf16" else torch.float32)


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch, has_bf16, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    assert resolve_precision("auto", torch.device("cpu")) == expected
    assert resolve_precision("fp32", torch.device("cpu")) == "fp32"
    assert resolve_precision("auto", torch.device("mps")) == "fp32"


def test_machines_that_nobody_starts_are_not_waited_for(monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r"--nodes 2 .* by torchrun or srun"):
        make_fabric("fp32", "cpu", nodes=2)


@pytest.mark.parametrize(
    ("device", "sentence"),
    [("gpu", "Unknown device 'gpu': choose auto, cpu, cuda"), ("cuda", "choose auto or cpu")],
)
def test_a_device_that_is_not_here_is_not_what_is_recommended(monkeypatch, device, sentence):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=sentence):
        make_fabric("fp32", device)
