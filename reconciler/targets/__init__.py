"""The systems that a pass writes to: implementations of the ports `Cluster` and `NetBox`."""
