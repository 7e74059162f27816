"""What lies in an output folder: cells, locks, sealed files, and the index over them."""
