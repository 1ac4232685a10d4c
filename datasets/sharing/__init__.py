"""Datasets that people share: sets of runs in BagIt bags that anybody can read and check."""
