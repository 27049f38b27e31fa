"""The SDK: send and check passcodes and links, enrol authenticators, share and reveal secrets, from another program.

``Client``, ``AuthenticatorClient`` and ``SecretClient`` block, those that begin with ``Async`` await; all are thin
shells over one core without I/O. What they raise is in ``watchword.errors``. How to use them:
docs/how-to/use-the-python-client.md and add-authenticator-apps.md.
"""

from watchword.client.allowance import Allowance as Allowance
from watchword.client.allowance import Rate as Rate
from watchword.client.asynchronous import AsyncClient as AsyncClient
from watchword.client.authenticator import Authenticator as Authenticator
from watchword.client.authenticator import AuthenticatorList as AuthenticatorList
from watchword.client.authenticator import ConfirmedAddress as ConfirmedAddress
from watchword.client.authenticator import Enrolment as Enrolment
from watchword.client.authenticator import Handover as Handover
from watchword.client.authenticator_asynchronous import AsyncAuthenticatorClient as AsyncAuthenticatorClient
from watchword.client.authenticator_blocking import AuthenticatorClient as AuthenticatorClient
from watchword.client.blocking import Client as Client
from watchword.client.opening import RevealedSecret as RevealedSecret
from watchword.client.sealing import SharedSecret as SharedSecret
from watchword.client.secret import GrantedSecret as GrantedSecret
from watchword.client.secret import MadeSecret as MadeSecret
from watchword.client.secret import SecretStatus as SecretStatus
from watchword.client.secret import SeenSecret as SeenSecret
from watchword.client.secret_asynchronous import AsyncSecretClient as AsyncSecretClient
from watchword.client.secret_blocking import SecretClient as SecretClient
from watchword.client.session import BrowserSession as BrowserSession
from watchword.client.verification import Delivery as Delivery
from watchword.client.verification import Verification as Verification
from watchword.core.secret_content import File as File
from watchword.core.secret_content import Login as Login
