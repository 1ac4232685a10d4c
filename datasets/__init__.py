"""Files: captures, frame batches, tx logs, results, run metadata."""
