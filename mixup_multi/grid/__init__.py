"""Running cells and keeping what they leave."""
