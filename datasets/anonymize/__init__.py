"""Replaces what identifies people, devices and places in runs, and keeps every bit error."""
