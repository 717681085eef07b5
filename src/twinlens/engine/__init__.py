"""The one training loop, its learning rates and its checkpoints."""
