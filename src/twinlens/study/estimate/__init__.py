"""Time and memory of a study, measured before it starts."""
