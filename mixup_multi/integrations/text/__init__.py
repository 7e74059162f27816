"""Models that read token ids and attention masks, as modules that return logits."""
