"""Fine-tuning with labels: head first, learning-rate finder, one-cycle; or a linear probe."""
