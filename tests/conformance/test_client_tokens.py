"""The local server's client tokens, as the client for Python reads them."""

from __future__ import annotations

import json
import subprocess

import httpx

from decart_widget.sandbox import Sandbox
from tests.conformance.clients import KEY, interpreter

DECODE = """
import json, sys
from decart.tokens.verify import decode_client_token
claims = decode_client_token(sys.stdin.read())
print(json.dumps([claims.allowed_models, claims.allowed_origins, claims.constraints]))
"""


def test_the_signed_token_has_the_claims_that_the_client_reads(shared_sandbox: Sandbox) -> None:
    limit = {"realtime": {"maxSessionDuration": 60}}
    with httpx.Client(trust_env=False) as http:
        answer = http.post(
            f"{shared_sandbox.base_url}/v1/client/tokens",
            json={"allowedModels": ["lucy-2.1"], "constraints": limit},
            headers={"x-api-key": KEY},
        )
    done = subprocess.run(
        [interpreter(decart="0.2.4"), "-c", DECODE],
        input=answer.json()["token"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["lucy-2.1"], None, limit]
