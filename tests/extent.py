"""How much is tested: a case of everything by ``make test``, more by ``make test-all``."""

import os

ALL = os.environ.get("GMMAUG_ALL_TESTS") == "1"
"""Whether everything is tested that there is to test."""
