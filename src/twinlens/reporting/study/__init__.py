"""The report of a study, one module per section."""
