"""The SDK: send a passcode, check a passcode, from another program.

``Client`` blocks, ``AsyncClient`` awaits; both are thin shells over one core without I/O. What they raise is in
``watchword.errors``. How to use them: docs/how-to/use-the-python-client.md.
"""

from watchword.client.asynchronous import AsyncClient as AsyncClient
from watchword.client.blocking import Client as Client
from watchword.client.verification import Delivery as Delivery
from watchword.client.verification import Verification as Verification
