"""A checklist in the sense of CLAIM and TRIPOD+AI, filled in as far as the stored runs can tell.

Numbers are those of CLAIM's 2024 update (Tejani et al., Radiology: Artificial Intelligence 2024)
and of TRIPOD+AI (Collins et al., BMJ 2024). What only the authors can know is left to them.
"""

from collections.abc import Callable
from typing import NamedTuple

from twinlens.reporting.study import checklist_answers as answers
from twinlens.reporting.study import data_answers
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import Cell, Record, Table

AUTHORS = "To be filled in by the authors"


class Item(NamedTuple):
    """A topic and its numbers in CLAIM and TRIPOD+AI.

    Attributes:
        topic: What is asked.
        claim: Number in CLAIM's 2024 update.
        tripod: Number in TRIPOD+AI.
        authors: What only they can say.
        answer: What the runs show; nothing where they show nothing.
    """

    topic: str
    claim: str
    tripod: str
    authors: str = ""
    answer: Callable[[StoredStudy], str] | str = ""


def checklist(study: StoredStudy) -> Table:
    """Return the items, what the runs say of each, and what is left to the authors."""
    rows: list[list[Cell]] = []
    records: list[Record] = []
    for item in ITEMS:
        found = item.answer if isinstance(item.answer, str) else item.answer(study)
        left = item.authors or ("" if found else item.topic.lower())
        asked = f"{AUTHORS}: {left}." if left else ""
        answer = Cell(found, asked) if found else Cell("", asked)
        rows.append([Cell(item.topic), Cell(item.claim), Cell(item.tripod), answer])
        names = ("topic", "claim_2024", "tripod_ai", "from_the_runs", "left_to_the_authors")
        values = (item.topic, item.claim, item.tripod, found, left)
        records.append(dict(zip(names, values, strict=True)))
    head = [Cell("Topic"), Cell("CLAIM"), Cell("TRIPOD+AI"), Cell("Answer")]
    return Table(head, rows, "checklist", records)


ITEMS = (
    Item("Kind of study", "1, 6", "1", "target population", answers.kind),
    Item("Background and intended use", "3", "3a–3c", "clinical background, use, users"),
    Item("Objectives", "4", "4", "hypotheses", answers.objectives),
    Item("Prospective or retrospective", "5", "5a", "how and when the data were collected"),
    Item("Data source", "7", "5a, 5b", "origin, sites and dates", data_answers.source),
    Item("Inclusion and exclusion", "8", "6a, 6b", "criteria, setting"),
    Item("Preprocessing", "9", "7", "", data_answers.preprocessing),
    Item("Selection of subsets", "10", "", "", data_answers.subsets),
    Item("De-identification", "11", "17", "methods, ethics committee, consent"),
    Item("Missing and unreadable data", "12", "11", "missing labels", data_answers.missing),
    Item("Image acquisition", "13", "9a", "devices and protocol"),
    Item("Reference standard", "14–18", "8a, 8b",
         "how, by whom and how consistently the labels were made", data_answers.labels),
    Item("Partitions", "19", "12a", "", data_answers.partitions),
    Item("Level at which they are disjoint", "20", "12a", "what a group is", data_answers.level),
    Item("Leakage", "20", "12a", "", data_answers.leakage),
    Item("Sample size", "21", "10", "why it is enough", data_answers.sample_size),
    Item("Model", "22", "12c", "", answers.model),
    Item("Software", "23", "18f", "", answers.software),
    Item("Initial weights", "24", "12c", "", answers.initial_weights),
    Item("Training and hyperparameters", "25", "12c", "how settings were chosen beforehand",
         answers.training),
    Item("Class imbalance", "", "13", "", answers.class_balance),
    Item("Choice of the final model", "26", "12c", "", answers.final_model),
    Item("Ensembling", "27", "", "", answers.ensembling),
    Item("Output and threshold", "", "15", "", answers.output),
    Item("Metrics", "28", "12e", "why this metric", answers.metrics),
    Item("Uncertainty and significance", "29", "12e", "", answers.uncertainty),
    Item("Robustness and sensitivity", "30", "12d", "other sensitivity analyses",
         answers.robustness),
    Item("Explainability", "31", "", "", "No method of explanation was part of this study."),
    Item("Internal evaluation", "32", "12a", "", data_answers.internal),
    Item("External evaluation", "33", "16", "whether any was done, and on which data",
         "The test part of one data set; whether it is of another site is not stored."),
    Item("Registration", "34", "18d", "registry and number, or that there is none"),
    Item("Numbers included", "35", "20a", "patients or examinations, and who was excluded",
         data_answers.numbers),
    Item("Characteristics of the cases", "36", "20b", "demographic and clinical characteristics"),
    Item("Performance", "37, 38", "23a", "", answers.performance),
    Item("Subgroups and fairness", "", "14, 23a", "groups of people", "Scores by class only."),
    Item("Analysis of errors", "39", "", "what wrong cases have in common",
         answers.errors),
    Item("Failed runs", "", "", "", answers.failed),
    Item("Limitations", "40", "26", "all others", answers.limitations),
    Item("Implications and use", "41", "25, 27a–27c", "interpretation and role in practice"),
    Item("Protocol", "42", "18c", "", "study.yaml, with the exact command and hashes: see Record."),
    Item("Availability of data, code and model", "43", "18e, 18f, 22",
         "where data and model can be had", answers.availability),
    Item("Funding and interests", "44", "18a, 18b", "funding, role of the funders, interests"),
)  # fmt: skip
