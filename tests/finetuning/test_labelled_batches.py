import numpy as np
import torch

from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.finetuning import labelled_batches as module
from twinlens.finetuning.job import Job
from twinlens.models.encoders import build_encoder
from twinlens.settings.finetuning import FineTuning


def test_an_image_that_a_balanced_batch_repeats_is_seen_in_other_views(
    phantoms, tmp_path, monkeypatch
):
    data = open_dataset(phantoms)
    rare = open_split(data).rows["train"][:16]
    rare = rare[np.concatenate([[0], np.flatnonzero(data.labels[rare] != data.labels[rare[0]])])]
    seen = []
    monkeypatch.setattr(module, "view", lambda images, keys, **_: seen.append(keys) or images)
    encoder = build_encoder("resnet18_quarter", 3)
    config = FineTuning(class_balance="sampler", batch_size=len(rare))
    job = Job(
        data,
        rare,
        data.labels,
        rare[:0],
        len(rare),
        config,
        make_fabric("fp32", "cpu"),
        tmp_path,
        seed=0,
    )
    batch_of = module.labelled_batches(job, encoder, reader(data.images, rare), 0)
    for step in range(5):
        batch_of(step)
        assert len(set(seen[-1])) == len(rare)
    assert max(map(max, seen)) >= len(data.labels)  # an image came twice


def test_the_loss_of_a_mixed_batch_is_that_of_both_labels_by_their_shares(
    phantoms, tmp_path, monkeypatch
):
    data = open_dataset(phantoms)
    rows = open_split(data).rows["train"]
    config = FineTuning(mixup=1.0, batch_size=16)
    job = Job(
        data, rows, data.labels, rows[:0], 16, config, make_fabric("fp32", "cpu"), tmp_path, 0
    )
    monkeypatch.setattr(module, "mix", lambda images, **_: (images, 0.3))
    batches = module.Batches(rows, batch_size=16, seed=5)
    _, loss = module.labelled_batches(
        job, build_encoder("resnet18_quarter", 3), reader(data.images, rows), 5
    )(0)
    logits = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
    own = torch.from_numpy(data.labels[batches.rows(0)])
    expected = 0.3 * torch.nn.functional.cross_entropy(logits, own)
    expected += 0.7 * torch.nn.functional.cross_entropy(logits, own.flip(0))
    torch.testing.assert_close(loss(logits), expected)
