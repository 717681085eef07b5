"""What features are worth without a fine-tuning: probes, and measures without labels."""
