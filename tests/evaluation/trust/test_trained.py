import numpy as np
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.evaluation.test_set import open_model, open_test_set
from twinlens.evaluation.trust.trained import trained_network, training_rows
from twinlens.importing.import_images import import_images


def test_the_index_holds_the_labelled_training_images(trained, phantoms):
    model = open_model(trained / "model")
    first = open_test_set(model, phantoms, None, "test", {})
    found = trained_network(model, first, make_fabric("fp32", "cpu"))
    data = open_dataset(phantoms)
    train = open_split(data).rows["train"]
    np.testing.assert_array_equal(training_rows(first), train)
    assert found.index.ids == data.table["id"].iloc[train].tolist()
    own = found.index.nearest(found.features(data.images, train[:5]), 1)
    assert own.places[:, 0].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(own.distances, 0, atol=1e-3)
    assert found.unlike.percentile == 95


def test_another_data_set_does_not_hold_them(trained, tmp_path):
    data = import_images("phantom:40:7", tmp_path / "other", size=32, workers=1).path
    model = open_model(trained / "model")
    first = open_test_set(model, data, None, "test", {})
    assert not len(training_rows(first))
    with pytest.raises(UserError, match="name that data set first"):
        trained_network(model, first, make_fabric("fp32", "cpu"))
