"""The JSON values that Kubernetes objects, NetBox records and API answers are made of.

A recursive type would force a cast at each step into an object whose schema lives elsewhere (a CRD, an API);
the values are narrowed where they enter `reconciler.model`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""dict, list, str, int (up to 64 bits), finite float, bool or None."""

JSONObject: TypeAlias = dict[str, Any]
"""A JSON object: text keys, `JSON` values."""
