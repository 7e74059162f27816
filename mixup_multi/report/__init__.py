"""Tables of results, with the published values beside ours."""
