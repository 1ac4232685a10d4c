"""Received frames against what was sent: error statistics and scores."""
