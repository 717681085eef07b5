from io import StringIO

import pandas as pd
import pytest

from twinlens.spreadsheets import escaped, without_formulas


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+A1", "'+A1"),
        ("-2+cmd|' /C calc'!A0", "'-2+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-0.5", "-0.5"),
        ("+1e-3", "+1e-3"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("", ""),
        (-0.5, -0.5),
        (None, None),
    ],
)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(cell, safe):
    assert escaped(cell) == safe
    assert escaped(escaped(cell)) == safe


def test_names_and_text_of_a_table_are_escaped_and_numbers_stay():
    columns = {"=x": ["=1", None], "n": [-1.5, 2.0], "ok": [True, False]}
    columns |= {"kind": pd.Categorical(["-a", "b"]), "whole": pd.Series([7, None], dtype=object)}
    table = pd.DataFrame(columns)
    text = without_formulas(table).to_csv(index=False)
    assert text == "'=x,n,ok,kind,whole\n'=1,-1.5,True,'-a,7\n,2.0,False,b,\n"
    assert pd.read_csv(StringIO(text))["n"].tolist() == [-1.5, 2.0]
    assert table["=x"][0] == "=1"
