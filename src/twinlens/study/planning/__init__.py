"""The study file and the list of its runs."""
