"""The page of whatever a folder holds: a study, a pretraining, a search or an evaluation."""

from pathlib import Path

from twinlens.records.evaluation import EVALUATION
from twinlens.records.run import RUN
from twinlens.reporting.evaluation.page import evaluation_report
from twinlens.reporting.pretraining.page import pretraining_report
from twinlens.reporting.study.page import study_report
from twinlens.reporting.tuning.page import tuning_report
from twinlens.requests.base import accepts
from twinlens.requests.report import ReportRequest
from twinlens.study.tuning.tune import RESULTS

PAGES = {RUN: pretraining_report, RESULTS: tuning_report, EVALUATION: evaluation_report}
"""What writes the page, by the file that a folder holds; a study's folder holds none of them."""


@accepts(ReportRequest)
def report(request: ReportRequest) -> Path:
    """Write the page of a study, a pretraining, a search or an evaluation from stored files alone.

    Beside a study's page lie its tables as CSV and LaTeX in ``tables/``, and its figures as SVG
    and PDF in ``figures/``.

    Returns:
        Path of ``report.html`` in that folder.

    Raises:
        UserError: The folder holds none of these, or a ``tables`` or ``figures`` that is not ours.
    """
    folder = Path(request.folder)
    pages = (write for file, write in PAGES.items() if (folder / file).is_file())
    return next(pages, study_report)(folder)
