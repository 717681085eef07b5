from twinlens.records.bundle import Provenance
from twinlens.records.weights import InitialWeights, TrainedOn


def test_a_models_history_begins_with_its_own_training():
    first, second = (TrainedOn(data_hash=name, split_hash="s") for name in "ab")
    provenance = Provenance(
        trained_on=second,
        label_fraction=1.0,
        seed=0,
        weights=InitialWeights(name="w.safetensors", history=(first,)),
        settings={},
    )
    assert provenance.history == (second, first)
