"""What lies on disk as JSON, as typed records: a field that is renamed fails in mypy."""
