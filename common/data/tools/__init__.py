"""What people call by hand on their data, before a search: does a file fit, what is in it, a file for each node."""
