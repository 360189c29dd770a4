"""Desired state: a fabric's directory in a Git repository, read into values. Nothing here changes anything."""
