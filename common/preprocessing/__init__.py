"""What is done to inputs before a network sees them, and how that is fitted over nodes that show no example."""
