"""The predictions of image files, explained, as files and as a page."""

from pathlib import Path

from twinlens.evaluation.trust.examples import write_examples
from twinlens.evaluation.trust.explain_files import explain_files
from twinlens.files import atomic_folder, write_text
from twinlens.records.examples import EXAMPLES, Examples
from twinlens.reporting.evaluation.examples import shown_examples
from twinlens.reporting.rendering import render
from twinlens.requests.base import accepts
from twinlens.requests.explain import ExplainRequest

PAGE = "explanation.html"


@accepts(ExplainRequest)
def explain(request: ExplainRequest) -> Examples:
    """Explain the predictions of image files; write examples.json, its pictures and a page.

    Returns:
        The content of examples.json; docs/evaluation.md describes it.

    Raises:
        UserError: No image can be read, captum is not installed, or the data set does not hold the
            images that the model was trained on.
    """
    explained = explain_files(request)
    out = Path(request.out)
    with atomic_folder(out, marker=EXAMPLES, overwrite=request.overwrite) as folder:
        write_examples(folder, explained)
        stored = Examples.read(folder / EXAMPLES)
        page = render(
            "evaluation/explanation.html",
            model=str(request.model),
            shown=shown_examples(folder, stored),
            threshold=stored.threshold,
            heat_note=stored.note,
        )
        write_text(folder / PAGE, page)
    return stored
