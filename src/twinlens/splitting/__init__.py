"""Ways to split a data set: by shares, in folds, by site, as in the paper, and as it grows."""
