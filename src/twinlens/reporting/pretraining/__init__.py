"""The page and the section of a pretraining."""
