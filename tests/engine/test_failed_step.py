import math

import pytest
import torch
from torch import nn

from twinlens.engine.device import make_fabric
from twinlens.engine.failed_step import FailedStep, failed_folder, replay
from twinlens.engine.loop import train
from twinlens.engine.one_cycle import constant
from twinlens.engine.optimiser import adamw
from twinlens.engine.phase import Phase
from twinlens.engine.train_step import make_train_step
from twinlens.errors import UserError


def _net():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))


def _phase(net, factor):
    """Dropout draws anew in each step; the loss is the larger, the further the training went."""

    def loss(module, step):
        images = torch.randn(6, 4, generator=torch.Generator().manual_seed(step))
        value = module(images).square().mean()
        return value * (factor if step == 3 else 1.0), {}

    names = [[f"step {step}, image {i}" for i in range(6)] for step in range(9)]
    return Phase(
        "head", constant(9, 1e-1), adamw(net, weight_decay=0.0), loss, images=names.__getitem__
    )


@pytest.mark.parametrize(("factor", "what"), [(math.inf, "loss"), (math.nan, "loss")])
def test_a_failed_step_is_taken_again_from_the_weights_before_it(tmp_path, factor, what):
    net, fabric, work = _net(), make_fabric("fp32", "cpu"), tmp_path / "run.partial"
    with pytest.raises(UserError, match=rf"The {what} became .* at step 3 .*run\.nan holds"):
        train(net, [_phase(net, factor)], fabric=fabric, folder=work, seed=5)
    folder = failed_folder(work)
    assert folder == tmp_path / "run.nan"
    assert {path.name for path in folder.iterdir()} == {"step.json", "weights.safetensors"}
    record = FailedStep.read(folder / "step.json")
    assert (record.seed, record.phase, record.lr) == (5, "head", 0.1)
    assert record.images == tuple(f"step 3, image {i}" for i in range(6))

    again = _net()
    taken = replay(folder, again, make_train_step(again, _phase(again, factor), fabric, 5))
    assert str(taken.loss) == record.loss
    assert not taken.finite
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, dict(again.named_parameters())[name])

    # With the cause away, the step gives what it would have given in the training.
    whole, mended = _net(), _net()
    history = train(
        whole, [_phase(whole, 1.0)], fabric=fabric, folder=tmp_path / "whole.partial", seed=5
    )
    taken = replay(folder, mended, make_train_step(mended, _phase(mended, 1.0), fabric, 5))
    assert taken.loss == history["loss"][3]
    assert not failed_folder(tmp_path / "whole.partial").exists()


def test_a_later_failure_replaces_an_earlier_one(tmp_path):
    net, fabric, work = _net(), make_fabric("fp32", "cpu"), tmp_path / "run.partial"
    for seed in (5, 6):
        with pytest.raises(UserError):
            train(net, [_phase(net, math.nan)], fabric=fabric, folder=work, seed=seed)
    assert FailedStep.read(failed_folder(work) / "step.json").seed == 6
