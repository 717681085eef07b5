from html_page import drawing

from twinlens.reporting.evaluation.classes import content


def test_every_class_has_a_row_and_every_data_set_a_table_and_a_matrix(evaluation):
    shown = content(evaluation)
    (first, table), (_, outside) = shown["tables"]
    assert [row[0].text for row in table.rows] == ["NV", "MEL", "BCC"]
    nevi = first.by_image.per_class["NV"]
    shown_first = [cell.text for cell in table.rows[0][1:3]]
    assert shown_first == [f"{nevi.support}", f"{nevi.precision.value:.3f}"]
    assert [outside.rows[2][column].text for column in (1, 3, 5)] == ["0", "–", "–"]
    notes = outside.frame.set_index(["class", "score"])["note"]
    assert "undefined" in notes["BCC", "recall"]
    matrices = drawing(*shown["panels"])
    assert "Confusion matrix of outside. Correct by class: NV" in matrices
    assert "BCC –" in matrices
