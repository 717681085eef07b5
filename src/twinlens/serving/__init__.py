"""Answering over HTTP. Nothing here imports torch unless the model is a bundle."""
