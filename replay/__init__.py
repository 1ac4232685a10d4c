"""Frames into recovery algorithms, at a controlled rate. Nothing here sees the truth."""
