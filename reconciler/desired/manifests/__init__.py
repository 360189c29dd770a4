"""YAML files of a fabric, read as kubectl reads them, into manifests and problems. No I/O: bytes in, values out."""
