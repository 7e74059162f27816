"""Codecs of an output folder: fitted once, and kept with pictures of what they do."""
