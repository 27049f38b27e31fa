"""``watchword`` whose new workers have all the time there is to find a store: ``python -m tests.support.unhurried …``.

Everything else is the real command. A busy machine may need longer to open a store that is there than the second after
which a new worker answers that there is none.
"""

from __future__ import annotations

from watchword.bootstrap import service
from watchword.cli import main

service.HASTE = 60.0  # here, because each worker imports this file, and runs no more of it

if __name__ == "__main__":
    main()
