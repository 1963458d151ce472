"""The web door on 8081: today `/healthz` and `/metrics`.

server.py    the HTTP site
status.py    the two resources
"""
