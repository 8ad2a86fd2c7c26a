"""What a real deployment is set up with, once, before any search.

certificates.py   an authority of our own, the server's certificate, the nodes' keys
"""
