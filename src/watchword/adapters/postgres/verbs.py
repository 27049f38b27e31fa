"""What the scribe of a database server can be asked for (``adapters/verbs.py``).

Not handled here: carrying it out (``postgres/scribe.py``).
"""

from __future__ import annotations

from typing import Final

from watchword.adapters.postgres.tables import PostgresTables
from watchword.adapters.verbs import STEPS, listed

VERBS: Final = listed((*STEPS, PostgresTables.remove_keys, PostgresTables.beat, PostgresTables.look))
BY_WORK: Final = {verb.work: verb for verb in VERBS}
