"""What is said about the state of things, to every surface alike."""
