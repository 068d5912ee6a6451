"""Settings for Django's suite with every model tracked, and with something that follows from changes of one of them.

So each statement that writes is followed by a fold, by receivers and by translations, in its transaction.
"""

import sys

from tests.compat.suite.tracked import *  # noqa: F403

sys.modules["__main__"].ALWAYS_INSTALLED_APPS.append("tests.compat.suite.ledger")
