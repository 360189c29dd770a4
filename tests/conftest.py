"""What holds for all tests: how hard properties are tried."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.logs import reset_logs

# No deadline: these machines are noisy, and a slow example is not a wrong one.
settings.register_profile("short", max_examples=20, deadline=None)
settings.register_profile("long", max_examples=500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))

reset_logs()
