"""The dashboard: pages for people, rendered here, on the same ports as the API and at the same URLs."""
