"""Is a data set fit to train and test on? Duplicates, leakage, labels, quality."""
