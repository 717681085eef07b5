"""Pages to read, from stored files: of a study, a pretraining, a search, an evaluation, an audit."""
