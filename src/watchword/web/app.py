"""All routes on one page. The same table serves requests and writes the OpenAPI document.

Not handled here: what a route does (``api/*.py``, ``pages.py``, ``docs_page.py``, ``mailbox.py``), what happens
around each of them (``gate.py``).
"""

from __future__ import annotations

from watchword.core.work import WorkSet
from watchword.web import problems, wire, wire_authenticator, wire_enrolment, wire_magic_link, wire_notice, wire_secret
from watchword.web.api.authenticator import AuthenticatorApi
from watchword.web.api.enrolment import EnrolmentApi
from watchword.web.api.handover import HandoverApi
from watchword.web.api.health import HealthApi
from watchword.web.api.magic_link import MagicLinkApi
from watchword.web.api.notice import AddressApi
from watchword.web.api.report import ReportApi
from watchword.web.api.secret import SecretApi
from watchword.web.api.secret_file import SecretFileApi
from watchword.web.api.verification import VerificationApi
from watchword.web.docs_page import DocsPages
from watchword.web.even import at_even_times
from watchword.web.exchange import METRICS, OCTETS
from watchword.web.gate import Gate
from watchword.web.link_pages import LinkPages
from watchword.web.mailbox import MailboxPages, Session
from watchword.web.pages import Assets, Pages
from watchword.web.problems import NoSuchPathError
from watchword.web.route import Auth, Refusal, Route, Table
from watchword.web.secret_pages import SecretPages
from watchword.web.services import Services

_V = "/v1/verifications"
_L = "/v1/links/{id}"
_P = "/v1/pages/{id}"
_S = "/v1/secrets"
_A = "/v1/authenticators"
_E = "/v1/enrolments/{id}"
_R = "/v1/recovery-codes"
_N = "/v1/notice-addresses"

_FIELD = Refusal(422, "a field does not hold what it must")
_REUSED = Refusal(422, "the idempotency key came with another request before")
_NOT_ACCEPTED = Refusal(422, "the code was not accepted: `reason` and `attempts_remaining` tell more")
_POLICY = Refusal(403, "the policy does not allow it, or the recipient must be bound again")
_CLOSED = Refusal(403, "too many wrong codes in a row: the recipient must be bound again")
_UNKNOWN = Refusal(404, "no verification of that id in this app")
_ENDED = Refusal(409, "it is over, or has no sends left")
_OVER = Refusal(409, "it ended in another way before")
_LIMITED = Refusal(429, "too many of this kind; nothing was sent or counted")
_NOBODY = Refusal(404, "no secret of that id and link: whether the id or the link is wrong is not told")
_OFF = Refusal(403, "the operator takes no secrets")
_GONE = Refusal(410, "it was opened, has expired or was burnt, told to holders of the link alone")
_LOCKED = Refusal(403, "too many wrong passphrases: its maker must unlock it")
_PASSPHRASE = Refusal(422, "the passphrase was not accepted; nothing was spent")
_PAUSED = Refusal(429, "too many wrong passphrases for now, or too much from one source; nothing was looked at or kept")
_ELSEWHERE = Refusal(409, "another upload of it is under way, or it goes on at another place")
_NO_FILE = Refusal(404, "the secret has no such file")
_TOO_MUCH = Refusal(413, "there is more of it than was announced")
_UNCLAIMED = Refusal(404, "no secret of that id with such a file and a live claim: which of them is not told")
_RANGE = Refusal(416, "the file has no such bytes")
_SLOW = Refusal(408, "the next piece did not arrive in time; what came is kept")
_KEY = Refusal(401, "an API key is needed here, or the one that came is not valid")
_NO_AUTHENTICATOR = Refusal(404, "no authenticator of that id in this app")
_NOT_BOUND = Refusal(409, "it is active already, or the subject has this key or as many as it may have")
_ENOUGH = Refusal(409, "the subject has as many authenticators as it may have")
_NOTHING = Refusal(404, "nothing of that id and proof: which of them is not told")
_ELSEWHERE_TO = Refusal(403, "`link.redirect_uri` is none that the app registered")
_BUSY = Refusal(429, "too much from one source, or too soon; nothing was sent or counted")
_LINK_OVER = Refusal(422, "the verification is over: `reason` says how")
_WRONG_WORD = Refusal(422, "the word was not accepted: `reason` and `attempts_remaining` tell more")
_WORK = Refusal(403, "the browser must work for it first, or its work does not count: ask for a new challenge")
_NOT_ELSEWHERE = Refusal(403, "not for this purpose: only the device that asked can go on")
_NOT_EXCHANGED = Refusal(422, "the exchange was not accepted: `reason` tells why; nothing was spent")
_NO_ADDRESS = Refusal(404, "the subject has no such confirmed address")
_BY_CODE = Refusal(409, "an authenticator is handed over here, and a right code of it is what ends it")
_STORE = Refusal(503, "a part of the service does not answer; nothing was lost")


def create_app(services: Services) -> Gate:
    """Put the web layer together."""
    table = Table(at_even_times(routes(services), services.config.stranger_step))
    return Gate(services, table, Pages(services.config).lost)


def create_health_app(services: Services) -> Gate:
    """What a process answers that serves nobody: how it is. To browsers as well, there are no pages."""
    return Gate(services, Table(health_routes(services)), lambda _: problems.answer(NoSuchPathError()))


def routes(services: Services) -> list[Route]:
    """Every address there is. The hot ones come first."""
    api = [*verification_routes(services), *magic_link_routes(services), *authenticator_routes(services)]
    api += notice_routes(services)
    api += [*secret_routes(services), *health_routes(services)]
    return [*api, *report_routes(services), *page_routes(services, api), *mailbox_routes(services)]


def verification_routes(services: Services) -> list[Route]:
    """Verifications."""
    api, tag, key = VerificationApi(services.verifications, services.config.public_url), "verifications", Auth.APP
    new, check, nothing, shown = wire.NewVerification, wire.Check, wire.Nothing, wire.VerificationShown
    # fmt: off
    return [
        Route("POST", _V, api.create, "create_verification", "Send a code", tag, key, takes=new, gives=shown,
              status=201, idempotent=True, limited=True, refusals=(_FIELD, _REUSED, _POLICY, _LIMITED, _STORE)),
        Route("POST", _V + "/{id}/check", api.check, "check_verification", "Check a code", tag, key, takes=check,
              gives=shown, limited=True, refusals=(_FIELD, _NOT_ACCEPTED, _CLOSED, _UNKNOWN, _LIMITED, _STORE)),
        Route("GET", _V + "/{id}", api.get, "get_verification", "Look at a verification", tag, key, gives=shown,
              refusals=(_UNKNOWN, _STORE)),
        Route("POST", _V + "/{id}/resend", api.resend, "resend_verification", "Send the same code again", tag, key,
              takes=nothing, optional=True, gives=shown, limited=True, refusals=(_UNKNOWN, _ENDED, _LIMITED, _STORE)),
        Route("POST", _V + "/{id}/cancel", api.cancel, "cancel_verification", "Withdraw a verification", tag, key,
              takes=nothing, optional=True, gives=shown, refusals=(_UNKNOWN, _OVER, _STORE)),
    ]
    # fmt: on


def magic_link_routes(services: Services) -> list[Route]:
    """Magic links, hosted code pages and the exchange."""
    api, w = MagicLinkApi(services.magic_links, services.config.public_url), wire_magic_link
    links, pages = "magic links", "hosted pages"
    # fmt: off
    return [
        Route("POST", "/v1/exchange", api.exchange, "exchange", "Collect what was confirmed", "verifications", Auth.APP,
              takes=w.Exchange, gives=wire.VerificationShown,
              refusals=(_FIELD, _NOT_EXCHANGED, _CLOSED, _UNKNOWN, _STORE)),
        Route("POST", _L + "/open", api.open, "open_link", "Look at a link", links, takes=wire.Nothing, optional=True,
              gives=w.LinkContext, refusals=(_BUSY, _STORE), alike=True),
        Route("POST", _L + "/continue", api.proceed, "continue_link", "Continue on the device that asked", links,
              takes=w.LinkProof, gives=w.Redirect, refusals=(_FIELD, _LINK_OVER, _NOTHING, _BUSY, _STORE)),
        Route("POST", _L + "/confirm", api.confirm, "confirm_link", "Confirm from another device", links,
              takes=w.LinkWord, gives=w.Confirmed,
              refusals=(_FIELD, _WRONG_WORD, _NOT_ELSEWHERE, _NOTHING, _BUSY, _STORE)),
        Route("POST", _P + "/open", api.look, "open_page", "Look at a hosted code page", pages, takes=w.PageProof,
              gives=w.PageShown, refusals=(_FIELD, _NOTHING, _BUSY, _STORE), shared=True),
        Route("POST", _P + "/check", api.check, "check_page", "Confirm with the code", pages, takes=w.PageCode,
              gives=w.CodeConfirmed, refusals=(_FIELD, _NOT_ACCEPTED, _NOTHING, _BUSY, _STORE), shared=True),
        Route("POST", _P + "/challenge", api.challenge, "challenge_page", "Get work to do before sending", pages,
              takes=w.PageProof, gives=WorkSet, refusals=(_FIELD, _NOTHING, _BUSY, _STORE), shared=True),
        Route("POST", _P + "/resend", api.resend, "resend_page", "Send the message again", pages, takes=w.PageSend,
              gives=w.PageShown, refusals=(_FIELD, _WORK, _NOTHING, _ENDED, _BUSY, _STORE), shared=True),
    ]
    # fmt: on


def authenticator_routes(services: Services) -> list[Route]:
    """Authenticators and recovery codes."""
    w, key, url = wire_authenticator, Auth.APP, services.config.public_url
    api = AuthenticatorApi(services.authenticators, services.recovery_codes, url)
    tag, codes, shown = "authenticators", "recovery codes", w.AuthenticatorShown
    handovers = HandoverApi(services.handovers, url)
    page, e = EnrolmentApi(services.enrolments), wire_enrolment
    # fmt: off
    return [
        Route("POST", _A + "/check", api.check, "check_authenticator", "Check an authenticator's code", tag, key,
              takes=w.SubjectCheck, gives=w.AuthenticatorApproved, refusals=(_FIELD, _NOT_ACCEPTED, _LIMITED, _STORE)),
        Route("POST", _A, api.enrol, "enrol_authenticator", "Begin an enrolment", tag, key, takes=w.NewAuthenticator,
              gives=w.AuthenticatorEnrolled, status=201, refusals=(_FIELD, _ELSEWHERE_TO, _ENOUGH, _STORE)),
        Route("POST", _A + "/exchange", page.exchange, "exchange_enrolment", "Collect what a page confirmed", tag, key,
              takes=e.EnrolmentExchange, gives=shown,
              refusals=(_FIELD, _NOT_EXCHANGED, _NO_AUTHENTICATOR, _NOT_BOUND, _STORE)),
        Route("POST", _A + "/handover", handovers.create, "hand_over_authenticator", "Hand an authenticator over", tag,
              key, takes=w.NewHandover, gives=w.AuthenticatorHandedOver, status=201,
              refusals=(_FIELD, _OFF, _ENOUGH, _LIMITED, _STORE)),
        Route("GET", _A, api.of_subject, "list_authenticators", "List a subject's authenticators", tag, key,
              gives=w.AuthenticatorList, refusals=(_FIELD, _STORE)),
        Route("POST", _A + "/{id}/confirm", api.confirm, "confirm_authenticator", "Finish an enrolment", tag, key,
              takes=w.CodeTyped, gives=shown, refusals=(_FIELD, _NOT_ACCEPTED, _NO_AUTHENTICATOR, _NOT_BOUND, _STORE)),
        Route("POST", _A + "/{id}/rename", api.rename, "rename_authenticator", "Change a label", tag, key,
              takes=w.NewLabel, gives=shown, refusals=(_FIELD, _NO_AUTHENTICATOR, _STORE)),
        Route("GET", _A + "/{id}", api.get, "get_authenticator", "Look at an authenticator", tag, key, gives=shown,
              refusals=(_NO_AUTHENTICATOR, _STORE)),
        Route("DELETE", _A + "/{id}", api.revoke, "revoke_authenticator", "Remove an authenticator", tag, key,
              gives=shown, refusals=(_NO_AUTHENTICATOR, _STORE)),
        Route("POST", _E + "/open", page.look, "open_enrolment", "Look at an enrolment page", "enrolment pages",
              takes=e.EnrolmentProof, gives=e.EnrolmentShown, refusals=(_FIELD, _NOTHING, _BUSY, _STORE)),
        Route("POST", _E + "/confirm", page.confirm, "confirm_enrolment", "Confirm at an enrolment page",
              "enrolment pages", takes=e.EnrolmentCode, gives=e.EnrolmentConfirmed,
              refusals=(_FIELD, _NOT_ACCEPTED, _NOTHING, _NOT_BOUND, _BUSY, _STORE)),
        Route("POST", _R, api.renew_codes, "renew_recovery_codes", "Make new recovery codes", codes, key,
              takes=w.SubjectNamed, gives=w.RecoverySet, status=201, refusals=(_FIELD, _STORE)),
        Route("POST", _R + "/check", api.check_code, "check_recovery_code", "Use up a recovery code", codes, key,
              takes=w.RecoveryCheck, gives=w.RecoveryUsed, refusals=(_FIELD, _NOT_ACCEPTED, _STORE)),
    ]
    # fmt: on


def notice_routes(services: Services) -> list[Route]:
    """Confirmed addresses of subjects."""
    api, w, tag, key = AddressApi(services.addresses), wire_notice, "notices", Auth.APP
    # fmt: off
    return [
        Route("GET", _N, api.of_subject, "list_notice_addresses", "List a subject's confirmed addresses", tag, key,
              gives=w.AddressList, refusals=(_FIELD, _STORE)),
        Route("POST", _N + "/remove", api.remove, "remove_notice_address", "Untie an address from a subject", tag, key,
              takes=w.AddressNamed, gives=w.AddressesRemoved, refusals=(_FIELD, _NO_ADDRESS, _STORE)),
    ]
    # fmt: on


def secret_routes(services: Services) -> list[Route]:
    """Secret links."""
    api, tag, w = SecretApi(services.secrets, services.apps), "secrets", wire_secret
    handovers = HandoverApi(services.handovers, services.config.public_url)
    files, blob = SecretFileApi(services.secret_files), _S + "/{id}/blobs/{n}"
    # A sealed text and what stands beside it, which is less than two of the smallest pages.
    most = services.secrets.rules.max_jwe + 8_192
    # fmt: off
    return [
        Route("POST", _S, api.create, "create_secret", "Share a secret", tag, Auth.OPTIONAL, takes=w.NewSecret,
              gives=w.SecretMade, status=201, most=most, refusals=(_FIELD, _KEY, _OFF, _PAUSED, _STORE)),
        Route("POST", _S + "/{id}/open", api.open, "open_secret", "Look at a secret with its link", tag, takes=w.Link,
              gives=w.SecretSeen, refusals=(_FIELD, _NOBODY, _STORE)),
        Route("POST", _S + "/{id}/claim", api.claim, "claim_secret", "Open a secret", tag, takes=w.NewClaim,
              gives=w.SecretGranted, refusals=(_FIELD, _PASSPHRASE, _LOCKED, _NOBODY, _GONE, _PAUSED, _STORE)),
        Route("POST", _S + "/{id}/ack", api.ack, "acknowledge_secret", "Say that it was read", tag, takes=w.NewAck,
              gives=w.SecretSeen, refusals=(_FIELD, _NOBODY, _BY_CODE, _STORE)),
        Route("POST", _S + "/{id}/confirm", handovers.confirm, "confirm_handover", "Confirm what was handed over", tag,
              takes=w.NewCode, gives=w.Enrolled, refusals=(_FIELD, _NOT_ACCEPTED, _NOBODY, _NOT_BOUND, _STORE)),
        Route("GET", _S + "/{id}/status", api.status, "secret_status", "Look at a secret as its maker", tag, Auth.MAKER,
              gives=w.SecretStatus, refusals=(_STORE,)),
        Route("DELETE", _S + "/{id}", api.burn, "burn_secret", "Burn a secret", tag, Auth.MAKER, gives=w.SecretStatus,
              refusals=(_STORE,)),
        Route("POST", _S + "/{id}/unlock", api.unlock, "unlock_secret", "Let passphrases be tried again", tag,
              Auth.MAKER, takes=wire.Nothing, optional=True, gives=w.SecretStatus, refusals=(_STORE,)),
        Route("PUT", blob, files.upload, "upload_blob", "Upload a sealed file", tag, Auth.MAKER, gives=w.BlobArrived,
              streams=True, refusals=(_SLOW, _NO_FILE, _ELSEWHERE, _GONE, _TOO_MUCH, _STORE)),
        Route("GET", blob, files.download, "download_blob", "Download a sealed file", tag, gives=OCTETS,
              refusals=(_UNCLAIMED, _RANGE, _STORE)),
    ]
    # fmt: on


def health_routes(services: Services) -> list[Route]:
    """What an operator's machinery asks."""
    api, tag, anybody = HealthApi(services), "operation", Auth.ANYBODY
    # fmt: off
    return [
        Route("GET", "/healthz", api.healthz, "healthz", "Is this process alive?", tag, anybody, gives=wire.Health,
              essential=True),
        Route("GET", "/readyz", api.readyz, "readyz", "Can the service do its work?", tag, anybody, gives=wire.Health,
              refusals=(_STORE,), essential=True),
        Route("GET", "/metrics", api.metrics, "metrics", "Figures for Prometheus", tag, anybody, gives=METRICS,
              essential=True),
    ]
    # fmt: on


def report_routes(services: Services) -> list[Route]:
    """What providers of texts call. Not an API: an address is given to a provider with each message."""
    api, reports = ReportApi(services.reports), "/v1/reports"
    return [
        Route("POST", reports + "/twilio/{reference}", api.twilio, hidden=True, streams=True),
        Route("GET", reports + "/gateway/{reference}", api.gateway, hidden=True),
        Route("POST", reports + "/gateway/{reference}", api.gateway, hidden=True, streams=True),
    ]


def page_routes(services: Services, api: list[Route]) -> list[Route]:
    """Pages for people, and the document behind one of them."""
    pages, assets = Pages(services.config), Assets()
    docs = DocsPages(api, services.config, pages)
    shells, asked = SecretPages(services.secrets, services.config, pages), LinkPages(pages)
    return [
        Route("GET", "/", shells.create, hidden=True),
        Route("GET", "/s/{id}", shells.reveal, hidden=True),
        Route("GET", "/s/{id}/status", shells.status, hidden=True),
        Route("GET", "/l/{id}", asked.link, hidden=True),
        Route("GET", "/v/{id}", asked.code, hidden=True),
        Route("GET", "/a/{id}", asked.enrol, hidden=True),
        # As some mail programs write an address that has nothing between its path and its "#".
        Route("GET", "/s/{id}/", shells.reveal, hidden=True),
        Route("GET", "/l/{id}/", asked.link, hidden=True),
        Route("GET", "/v/{id}/", asked.code, hidden=True),
        Route("GET", "/a/{id}/", asked.enrol, hidden=True),
        Route("GET", "/start", pages.start, hidden=True),
        Route("GET", "/docs", docs.page, hidden=True),
        Route("GET", "/openapi.json", docs.document, hidden=True),
        Route("GET", "/static/{name}", assets.asset, hidden=True),
        Route("GET", "/static/vendor/qr/{name}", assets.vendored, hidden=True),
    ]


def mailbox_routes(services: Services) -> list[Route]:
    """The development mailbox. Anywhere else these addresses do not exist."""
    config, view = services.config, services.mailbox
    if view is None or config.mailbox_token is None:
        return []
    mailbox = MailboxPages(view, config, Pages(config))
    return [
        Route("GET", "/mailbox", mailbox.page, hidden=True),
        Route("POST", "/mailbox/session", mailbox.session, takes=Session, hidden=True),
        Route("GET", "/mailbox/mails", mailbox.mails, hidden=True),
        Route("GET", "/mailbox/latest.txt", mailbox.latest, hidden=True),
        Route("GET", "/mailbox/mails/{key}", mailbox.mail, hidden=True),
        Route("GET", "/mailbox/mails/{key}/html", mailbox.html, hidden=True),
    ]
