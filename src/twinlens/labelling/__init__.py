"""Labelling by keyboard: the page, its server, and the file that keeps the answers."""
