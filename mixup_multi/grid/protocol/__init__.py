"""Which epoch is reported and what a search chooses, from what has been recorded."""
