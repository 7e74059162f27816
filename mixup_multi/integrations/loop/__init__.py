"""What `Method` is made of: labels, averages, processes, and the training part that a user has."""
