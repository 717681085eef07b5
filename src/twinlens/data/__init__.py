"""From images on disk to a data set: table, pack, splits and batches."""
