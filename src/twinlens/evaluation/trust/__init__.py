"""When to trust a model, and why it answers as it does."""
