"""The study that tests what a search found: the best settings as one more arm."""

from twinlens.records.tuning import Trial
from twinlens.study.planning.config import Study, as_yaml
from twinlens.study.tuning.space import with_values

BEST_STUDY = "best.yaml"


def best_study(study: Study, arm: str, best: Trial, command: str) -> str:
    """Return the study file that has a trial's settings as one more arm.

    The arm stands after the others, which stay as they are, and nothing is searched in it.

    Args:
        study: The study of the search.
        arm: Name of the arm that was searched.
        best: The trial.
        command: The command of the search.
    """
    tuned = with_values(study, arm, best.values)
    arms = {name: own.model_copy(update={"search": {}}) for name, own in study.arms.items()}
    arms[_new_name(study, arm)] = tuned.arms[arm].model_copy(update={"search": {}})
    head = f"# Trial {best.number} of this search, which read no test image: {command}\n"
    return head + as_yaml(study.model_copy(update={"arms": arms, "search": {}}))


def _new_name(study: Study, arm: str) -> str:
    name, number = f"{arm}, tuned", 1
    while name in study.arms:
        number += 1
        name = f"{arm}, tuned {number}"
    return name
