"""The HTTP side: webhooks in, manual requests in, status out. Of the reconciler it knows ports, model and errors.

`signature`, `providers` and `matching` turn bytes into values and decide, without I/O. `body` reads requests within
limits. `api` holds the routes, `middleware` what every request passes through, `app` puts them together. `testing`
ships the ports' fakes.
"""
