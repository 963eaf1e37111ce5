"""moto_server with a signature check that takes paths as they were sent.

moto 5.2.1 checks the signature of the decoded path, so that no client, AWS' own included, can sign
a key with an @ in it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from moto import server
from moto.core.authorization import ActionAuthenticatorMixin

_check = ActionAuthenticatorMixin._authenticate_and_authorize_action


def check(self, *arguments, **named):
    decoded = self.uri
    if getattr(self, "raw_path", ""):
        self.uri = urlsplit(decoded)._replace(path=self.raw_path).geturl()
    try:
        return _check(self, *arguments, **named)
    finally:
        self.uri = decoded


ActionAuthenticatorMixin._authenticate_and_authorize_action = check

if __name__ == "__main__":
    server.main()
