"""Pages to read, from stored files: of studies, pretrainings, searches, evaluations and audits."""
