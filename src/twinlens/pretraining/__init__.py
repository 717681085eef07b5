"""Self-supervised pretraining: the losses, and the training that minimises them."""
