import shutil

import numpy as np
import pandas as pd
import pytest

from evaluated import CLASSES, store_evaluation
from twinlens.evaluation.data_set_evaluation import arrays
from twinlens.evaluation.trust.examples import Explained, kinds_of, write_examples
from twinlens.evaluation.trust.flagged import flagged
from twinlens.evaluation.trust.reliability import Knowledge, reliability
from twinlens.records.evaluation import EVALUATION
from twinlens.records.examples import Example, NearestImage
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation, read_evaluation


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> StoredEvaluation:
    """A stored evaluation on two data sets."""
    folder = tmp_path_factory.mktemp("evaluation")
    store_evaluation(folder)
    return read_evaluation(folder)


@pytest.fixture(scope="session")
def assessed(
    evaluation: StoredEvaluation, tmp_path_factory: pytest.TempPathFactory
) -> StoredEvaluation:
    """The same with an assessment of its reliability, and examples."""
    folder = tmp_path_factory.mktemp("assessed") / "out"
    shutil.copytree(evaluation.folder, folder)
    table = evaluation.predictions
    known = Knowledge(CLASSES, table[table["split"] == "val"], 1.2)
    data = []
    for each in evaluation.record.data:
        found = evaluation.predictions_of(each)
        sex = pd.Series(np.where(np.arange(len(found)) % 9 == 8, None, "female"), dtype=object)
        sex[: len(found) // 2] = "male"
        sex[-3:] = "other"
        columns = {"sex": sex, "site": pd.Series(["here"] * len(found))}
        labels, p, groups = known.arrays(found)
        wrong = p.argmax(axis=1) != labels
        dark = flagged(
            "poor photographs", {"dark": np.arange(len(found)) < 9}, labels, wrong, groups
        )
        judged = reliability(found, columns, known, prevalence={"MEL": 0.05})
        judged = judged.model_copy(update={"flagged": [dark]})
        data.append(each.model_copy(update={"reliability": judged}))
    evaluation.record.model_copy(update={"data": data}).write(folder / EVALUATION)
    write_examples(folder, _explained(evaluation))
    return read_evaluation(folder)


def _explained(evaluation: StoredEvaluation) -> Explained:
    data = evaluation.record.data[0]
    table = evaluation.predictions_of(data)
    labels, p, groups = arrays(table, CLASSES)
    chosen = kinds_of(labels, p, groups, np.arange(len(labels)) / len(labels))
    places = sorted({place for some in chosen.values() for place in some})
    nearest = [NearestImage(id=f"t{i}", label=CLASSES[i], distance=0.1 * i) for i in range(3)]
    examples = [
        Example(
            id=table["id"].iloc[place],
            data=data.name,
            label=CLASSES[labels[place]],
            predicted=CLASSES[p[place].argmax()],
            probability=p[place].max(),
            probability_of_label=p[place, labels[place]],
            unlike=0.5,
            nearest=nearest,
        )
        for place in places
    ]
    kinds = {kind: [places.index(place) for place in some] for kind, some in chosen.items()}
    pixels = np.random.default_rng(0).integers(0, 256, (len(places), 4, 32, 32, 3), np.uint8)
    heat = np.linspace(0, 255, len(places) * 1024).astype(np.uint8).reshape(-1, 32, 32)
    return Explained(examples, kinds, pixels[:, 0], heat, pixels[:, 1:], 0.4, "")
