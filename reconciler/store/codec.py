"""Values of `reconciler.model` as JSON text, and back."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


class UnreadableError(Exception):
    """A stored value is not what this program wrote."""


class Codec(Generic[T]):
    """JSON text for one type of frozen dataclass. Times keep their offset; sets become lists.

    The text is ASCII: values come from clusters and webhooks, and a lone surrogate in one of them, which no database
    takes as text, must not keep the others from being stored.
    """

    def __init__(self, type_: type[T]) -> None:
        self._name = type_.__name__
        self._adapter: TypeAdapter[T] = TypeAdapter(type_)

    def encode(self, value: T) -> str:
        return json.dumps(self._adapter.dump_python(value, mode="json"), separators=(",", ":"))

    def decode(self, text: str) -> T:
        """Raises UnreadableError, without the text."""
        try:
            return self._adapter.validate_python(json.loads(text))
        except ValidationError as error:
            places = ", ".join(sorted({".".join(map(str, found["loc"])) for found in error.errors()}))
            raise UnreadableError(f"a stored {self._name} cannot be read: {places or 'wrong type'}") from None
        except (ValueError, RecursionError):
            raise UnreadableError(f"a stored {self._name} cannot be read: not JSON") from None


JSON_OBJECT: Codec[dict[str, Any]] = Codec(dict[str, Any])
