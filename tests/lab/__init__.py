"""Real servers for tests: Git over HTTPS, a Kubernetes API server, NetBox; all on loopback, all private to this user.

What runs is described by files in one folder (`lab.default_folder`), never by memory, so a test controls a lab that
`make lab` started in another process exactly as one it started itself. What takes long to build is kept in the user's
cache folder (`cache.py`) and built once.
"""
