"""How good a model is: predictions over test-time views, metrics, statistics over seeds."""
