import numpy as np
import pytest
import torch

from twinlens.finetuning.mixing import mix


@pytest.fixture
def images() -> torch.Tensor:
    """Eight images, each of one value."""
    return torch.arange(8.0)[:, None, None, None].expand(8, 3, 20, 30).contiguous()


def shares(**how: float) -> np.ndarray:
    images = torch.zeros(2, 3, 4, 4)
    return np.array([mix(images, seed=3, step=step, **how)[1] for step in range(2000)])


def test_mixup_blends_an_image_with_its_partner_by_the_share(images):
    mixed, share = mix(images, mixup=0.4, cutmix=0, seed=0, step=1)
    expected = share * images + (1 - share) * images.flip(0)
    torch.testing.assert_close(mixed, expected)
    assert 0 < share < 1


def test_the_share_has_the_beta_distribution_of_the_article():
    drawn = shares(mixup=0.4, cutmix=0)
    assert drawn.mean() == pytest.approx(0.5, abs=0.03)
    assert drawn.var() == pytest.approx(0.25 / 1.8, abs=0.01)  # 1 / (4 (2 alpha + 1))


def test_cutmix_pastes_a_box_whose_area_is_what_the_label_loses(images):
    for step in range(20):
        mixed, share = mix(images, mixup=0, cutmix=1.0, seed=0, step=step)
        pasted = (mixed != images)[0, 0]
        assert share == pytest.approx(1 - pasted.float().mean().item(), abs=1e-6)
        assert (mixed[0][:, pasted] == images[-1, 0, 0, 0]).all()
        rows, columns = pasted.any(1).sum(), pasted.any(0).sum()
        assert rows * columns == pasted.sum()  # one box


def test_with_both_half_of_the_batches_take_either(images):
    blended = sum(
        bool((mix(images, mixup=1, cutmix=1, seed=0, step=step)[0][0, 0] % 7 > 0).any())
        for step in range(400)
    )
    assert 140 < blended < 260


def test_without_both_nothing_changes(images):
    mixed, share = mix(images, mixup=0, cutmix=0, seed=0, step=0)
    assert mixed is images
    assert share == 1


def test_what_is_drawn_depends_on_seed_and_step_alone(images):
    first, again = (mix(images, mixup=1, cutmix=0, seed=5, step=7)[1] for _ in range(2))
    assert first == again != mix(images, mixup=1, cutmix=0, seed=5, step=8)[1]
