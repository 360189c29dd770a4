"""The routes, a module for each resource. Each takes the `Context` and gives its list of routes."""
