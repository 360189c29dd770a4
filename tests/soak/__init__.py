"""The soak: the real service on the lab's real servers, driven at random, watched by checks of its own."""
