"""Running what a study plans, in one or several processes."""
