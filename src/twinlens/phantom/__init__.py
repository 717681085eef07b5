"""Synthetic dermatoscopic images."""
