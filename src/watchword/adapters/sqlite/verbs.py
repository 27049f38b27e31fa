"""What the scribe of a file can be asked for (``adapters/verbs.py``).

Not handled here: carrying it out (``sqlite/scribe.py``).
"""

from __future__ import annotations

from typing import Final

from watchword.adapters.sqlite.checkpoint import write_back
from watchword.adapters.sqlite.purge import give_back, let_go, remove
from watchword.adapters.sqlite.tables import SqliteTables
from watchword.adapters.verbs import STEPS, listed

VERBS: Final = listed(
    (*STEPS, SqliteTables.remove_keys, remove, SqliteTables.beat), maintenance=(write_back, give_back, let_go)
)
BY_WORK: Final = {verb.work: verb for verb in VERBS}
