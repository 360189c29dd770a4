"""What names may be made of: as patterns, and in words."""

from __future__ import annotations

from typing import Final

FABRIC_NAME: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
REPOSITORY_NAME: Final = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"
SLUG: Final = r"^[A-Za-z0-9_-]{1,100}$"

IN_WORDS: Final = {
    FABRIC_NAME: "must be 1 to 63 small letters, digits and -, with a letter or digit first and last",
    REPOSITORY_NAME: "must be 1 to 63 letters, digits and any of . _ -, with a letter or digit first and last",
    SLUG: "must be 1 to 100 letters, digits and any of _ -",
}
"""For whoever does not read patterns."""
