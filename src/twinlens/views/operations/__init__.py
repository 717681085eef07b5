"""Augmentations, one file each: settings, what is drawn at random, how it is applied."""
