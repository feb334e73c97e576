"""`tools.install` installs with uv and pip's settings, and with pip where uv can't."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tools import install

LISTING = """\
:env:.index-url='https://env.example/simple'
:env:.find-links='/wheels'
download.index-url='https://download.example/simple'
global.cert='/etc/ssl/ca.crt'
global.index-url='https://global.example/simple'
install.extra-index-url='\\nhttps://a.example/simple\\nhttps://b.example/simple'
install.index-url='https://install.example/simple'
"""


class Programs:
    """Stands for every program that is run; notes the commands, and ends with `status`."""

    def __init__(self, **status: int) -> None:
        self.status = status
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def run(self, command: list[str], **options: Any) -> SimpleNamespace:
        self.commands.append(command)
        self.environments.append(options.get("env") or {})
        name = " ".join(command[2:4]).removesuffix(" install") if command[2] == "uv" else "pip"
        if command[2:5] == ["pip", "install", "--quiet"] and command[5] == install.UV:
            name = "bring"
        return SimpleNamespace(returncode=self.status.get(name.split()[0], 0), stdout=LISTING)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    programs = Programs()
    monkeypatch.setattr(subprocess, "run", programs.run)
    for variable in install.PASSED_ON.values():
        monkeypatch.delenv(variable, raising=False)
    return programs


def test_the_environments_settings_win_over_those_of_install_and_the_global_ones() -> None:
    assert install.pip_settings(LISTING) == {
        "index-url": "https://env.example/simple",
        "find-links": "/wheels",
        "cert": "/etc/ssl/ca.crt",
        "extra-index-url": "\nhttps://a.example/simple\nhttps://b.example/simple",
    }


def test_uv_installs_with_pips_settings(programs: Programs) -> None:
    assert install.main("/env/bin/python", "--editable", ".") == 0
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", "/env/bin/python"]
    assert programs.commands[-1] == [*uv, "--compile-bytecode", "--editable", "."]
    environment = programs.environments[-1]
    assert environment["UV_DEFAULT_INDEX"] == "https://env.example/simple"
    assert environment["UV_INDEX"] == "https://a.example/simple https://b.example/simple"
    assert environment["UV_FIND_LINKS"] == "/wheels"
    assert environment["SSL_CERT_FILE"] == "/etc/ssl/ca.crt"


def test_uvs_own_settings_win(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    install.main("/env/bin/python", "httpx")
    assert programs.environments[-1]["UV_DEFAULT_INDEX"] == "https://uv.example/simple"


@pytest.mark.parametrize("fails", ["bring", "uv"])
def test_pip_installs_where_uv_cannot(programs: Programs, fails: str) -> None:
    programs.status = {fails: 2}
    assert install.main("/env/bin/python", "httpx") == 0
    assert programs.commands[-1] == [
        *("/env/bin/python", "-m", "pip", "install", "--quiet"),
        "httpx",
    ]


def test_the_status_is_pips_where_both_fail(programs: Programs) -> None:
    programs.status = {"uv": 2, "pip": 1}
    assert install.main("/env/bin/python", "httpx") == 1
