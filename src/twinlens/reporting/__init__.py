"""Pages to read: of a study, a pretraining, an audit, a search and an evaluation, from stored files."""
