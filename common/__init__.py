"""What the server and the nodes must agree on."""

__version__ = "0.1.0"
