"""The report: one HTML page of figures and tables, and the figures apart for papers."""
