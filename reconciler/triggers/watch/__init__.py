"""The changes of clusters: caches that follow them, and the passes that they ask for."""
