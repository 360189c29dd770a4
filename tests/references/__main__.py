"""Write the references: `python -m tests.references`."""

from __future__ import annotations

from tests.references.files import REFERENCES

if __name__ == "__main__":
    for path, render in REFERENCES.items():
        path.write_text(render(), encoding="utf-8")
        print(path)  # noqa: T201 - what a person at a terminal wants to know
