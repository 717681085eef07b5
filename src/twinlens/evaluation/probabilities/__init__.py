"""What predicted probabilities are worth: rankings, thresholds, calibration, other prevalences."""
