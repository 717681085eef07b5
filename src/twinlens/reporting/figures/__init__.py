"""Drawings on a page and in files of their own."""
