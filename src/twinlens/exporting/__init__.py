"""Models as files that run without Twinlens."""
