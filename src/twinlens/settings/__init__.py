"""Settings of a pretraining and of a training, with their presets: what users may change."""
