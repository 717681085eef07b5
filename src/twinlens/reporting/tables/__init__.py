"""Tables of a report, as HTML, CSV and LaTeX."""
