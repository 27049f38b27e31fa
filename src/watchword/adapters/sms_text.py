"""What a text says: a message as data becomes one GSM-7 segment, bound to its origin (``core/text.py``).

Not handled here: the words (``locales/*.toml``, section ``sms``), who sends it (``sms.py``).

Rules: the code is in the sentence and in the last line, nowhere else; what does not fit is left out from the end,
warning first, then the word of the watchword; a name that GSM-7 cannot write gives way to the host; what still does
not fit is refused, and never sent as two.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchword.adapters.catalogue import Catalogues
from watchword.core.message import PasscodeMessage
from watchword.core.text import bind, fits, septets
from watchword.errors import DeliveryError


class Texts:
    """Writes texts. ``hosts`` is by app; ``host`` is the service's own."""

    def __init__(self, catalogues: Catalogues, host: str, hosts: Mapping[str, str]) -> None:
        self._catalogues = catalogues
        self._host = host
        self._hosts = hosts

    def compose(self, message: PasscodeMessage) -> str:
        """Write the text that carries a passcode.

        Raises:
            DeliveryError: it does not fit into one segment.
        """
        host = self._hosts.get(message.app_name, self._host)
        name = message.app_name if septets(message.app_name) is not None and "://" not in message.app_name else host
        last = bind(host, message.code)
        for tag in (message.locale, None):  # a language that GSM-7 cannot write gives way to English
            words = self._catalogues.choose(tag).plain
            sentence = f"{words[f'sms.{message.purpose}'].format(app=name)}: {message.code}"
            word = words["sms.word"].format(countersign=message.countersign)
            for lines in ((sentence, word, words["sms.warning"]), (sentence, word), (sentence,)):
                text = "\n".join((*lines, last))
                if fits(text):
                    return text
        raise DeliveryError(reason="unsendable", permanent=True)
