"""The search of an arm's settings on folds of the training images: `twinlens tune`."""
