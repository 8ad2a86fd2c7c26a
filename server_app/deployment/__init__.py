"""What a real deployment is set up with, once, before any search.

certificates.py   an authority of our own, the server's certificate, the nodes' keys
folder.py         where each party's files are, whose they are, the settings for compose
setup.py          all that docker-compose.yml needs, and its nodes' data
nodes.py          one more node: as a container, or as a bundle for a device
registration.py   tells a SuperLink the nodes' public keys
"""
