import math

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.stats import ortho_group

from twinlens.evaluation.features.collapse_metrics import (
    alpha_req,
    effective_rank,
    lidar,
    relative_dispersion,
)


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 5)) @ rng.normal(size=(5, 5)) + [3, 0, 0, 1, 0]


def _rank_by_loops(x):
    images, dims = x.shape
    mean = [sum(x[i, j] for i in range(images)) / images for j in range(dims)]
    centred = np.array([[x[i, j] - mean[j] for j in range(dims)] for i in range(images)])
    singular = np.linalg.svd(centred, compute_uv=False)
    entropy = 0.0
    for value in singular:
        share = value / sum(singular) + 1e-7
        entropy -= share * math.log(share)
    return math.exp(entropy)


def _dispersion_by_loops(x):
    mean = sum(x) / len(x)
    about = sum(sum((row - mean) ** 2) for row in x) / len(x)
    return math.sqrt(about / (sum(sum(row**2) for row in x) / len(x)))


def test_both_are_their_formulas(features):
    assert effective_rank(features) == pytest.approx(_rank_by_loops(features), rel=1e-6)
    assert relative_dispersion(features) == pytest.approx(_dispersion_by_loops(features), rel=1e-12)


def test_more_features_than_images_give_the_same_as_the_formula():
    wide = np.random.default_rng(1).normal(size=(6, 40)) + 1
    # The last singular value of centred rows is 0, and rounding: the root of the Gram matrix's.
    assert effective_rank(wide) == pytest.approx(_rank_by_loops(wide), rel=1e-5)


@pytest.mark.parametrize("dims", [1, 3, 7])
def test_orthogonal_columns_of_equal_length_have_full_rank(dims):
    columns = hadamard(8)[:, 1 : dims + 1].astype(np.float32)  # orthogonal to the mean as well
    assert effective_rank(columns) == pytest.approx(dims, abs=1e-4)
    assert relative_dispersion(columns) == pytest.approx(1)


def test_the_rank_of_a_planted_spectrum():
    columns = hadamard(8)[:, 1:4] * np.array([8.0, 4.0, 4.0])
    entropy = -(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25))
    assert effective_rank(columns) == pytest.approx(math.exp(entropy), abs=1e-4)


def test_one_direction_has_rank_one_and_a_shared_direction_does_not_count():
    rng = np.random.default_rng(2)
    line = np.outer(rng.normal(size=50), rng.normal(size=20))
    assert effective_rank(line) == pytest.approx(1, abs=1e-3)
    ball = rng.normal(size=(50, 20))
    assert effective_rank(ball + 1000) == pytest.approx(effective_rank(ball), rel=1e-6)
    assert relative_dispersion(ball + 1000) == pytest.approx(1e-3, rel=0.1)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_scale_changes_nothing(features, scale):
    small = features.astype(np.float32)
    assert effective_rank(small * np.float32(scale)) == pytest.approx(effective_rank(small), 1e-5)
    assert relative_dispersion(small * np.float32(scale)) == pytest.approx(
        relative_dispersion(small), rel=1e-5
    )


def test_rotation_changes_nothing(features):
    turned = features @ ortho_group.rvs(5, random_state=np.random.default_rng(3))
    assert effective_rank(turned) == pytest.approx(effective_rank(features), rel=1e-9)
    assert relative_dispersion(turned) == pytest.approx(relative_dispersion(features), rel=1e-12)


def test_equal_images_have_rank_and_dispersion_zero_also_up_to_rounding():
    row = np.random.default_rng(4).normal(size=(1, 30)).astype(np.float32)
    for x in (row, np.repeat(row, 9, axis=0), np.zeros((4, 3), dtype=np.float32)):
        assert effective_rank(x) == 0
        assert relative_dispersion(x) == pytest.approx(0, abs=1e-12)
    noise = np.random.default_rng(5).choice([1, 1 + 2**-24], size=(9, 30))
    assert effective_rank(row * noise) == 0


@pytest.fixture
def views():
    """Features of four views of each of nine images."""
    rng = np.random.default_rng(6)
    return rng.normal(size=(9, 1, 5)) * [5, 4, 3, 1, 0.1] + rng.normal(size=(9, 4, 5)) + 2


def _lidar_by_loops(x, delta):
    images, count, dims = x.shape
    means = [sum(x[i]) / count for i in range(images)]
    middle = sum(means) / images
    between = sum(np.outer(m - middle, m - middle) for m in means) / (images - 1)
    within = sum(np.outer(v - m, v - m) for m, rows in zip(means, x, strict=True) for v in rows)
    within = within / (images * (count - 1))
    values, vectors = np.linalg.eigh(within + delta * np.trace(within) / dims * np.eye(dims))
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    eigenvalues = np.linalg.eigvalsh(root @ between @ root)
    shares = eigenvalues / sum(eigenvalues) + 1e-7
    return math.exp(-sum(p * math.log(p) for p in shares))


@pytest.mark.parametrize("delta", [1e-4, 0.5])
def test_lidar_is_its_formula_also_with_more_features_than_images(views, delta):
    wide = np.random.default_rng(7).normal(size=(4, 5, 12))
    for x in (views, wide):  # each eigenvalue of 0 adds its epsilon, as many as the matrix has
        assert lidar(x, delta) == pytest.approx(_lidar_by_loops(x, delta), rel=3e-5)


def test_lidar_counts_directions_of_images_in_units_of_what_views_change():
    means = hadamard(8)[:, 1:5] * np.array([1.0, 1.0, 10.0, 10.0])
    x = means[:, None] + hadamard(8)[:, 1:5] * np.array([0.1, 0.1, 1.0, 1.0])
    assert lidar(x, delta=0) == pytest.approx(4, abs=1e-4)
    assert effective_rank(means) < 3
    assert lidar(means[:, None].repeat(3, 1)) == pytest.approx(
        effective_rank(np.sign(means) * means**2), rel=1e-4
    )  # views that change nothing leave the images' own variances


def test_scale_and_rotation_leave_lidar_and_alpha_as_they_are(views):
    turned = 1e6 * views @ ortho_group.rvs(5, random_state=np.random.default_rng(3))
    assert lidar(turned) == pytest.approx(lidar(views), rel=1e-6)
    many = np.random.default_rng(8).normal(size=(40, 20))
    turned = 1e-6 * many @ ortho_group.rvs(20, random_state=np.random.default_rng(3))
    assert alpha_req(turned) == pytest.approx(alpha_req(many), rel=1e-9)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("dims", [12, 127])
def test_alpha_of_a_planted_power_law(alpha, dims):
    columns = hadamard(128)[:, 1 : dims + 1] * np.arange(1, dims + 1) ** (-alpha / 2)
    assert alpha_req(columns) == pytest.approx(alpha, rel=1e-9)


def test_alpha_is_the_weighted_line_through_eigenvalues_4_to_100():
    x = np.random.default_rng(9).normal(size=(300, 120)) * np.linspace(2, 0.1, 120)
    variances = np.sort(np.linalg.eigvalsh(np.cov(x.T)))[::-1]
    j = np.arange(4, 101)
    design = np.stack([-np.log(j), np.ones(97)], axis=1)
    normal = design.T @ (design / j[:, None])
    expected, _ = np.linalg.solve(normal, design.T @ (np.log(variances[3:100]) / j))
    assert alpha_req(x) == pytest.approx(expected, rel=1e-9)


def test_features_that_say_nothing_have_no_lidar_and_no_alpha(views):
    assert lidar(np.ones((5, 3, 4))) == 0
    assert lidar(views[:1]) == lidar(views[:, :1]) == 0
    assert alpha_req(np.ones((5, 4))) is None
    assert alpha_req(views[:, 0]) is None  # five directions: too few for a line from the fourth on
