"""Child processes of the package start in any folder, and say how they ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import decart_widget
from decart_widget.processes.python_child import LOG_LINES, ChildError, PythonChild, search_path

SHADOWED = ("secrets", "random", "queue", "asyncio", "json", "runpy", "numpy", "decart_widget")
"""Modules that a notebook's folder holds files of the same name of."""

READY = "import sys; print('{\"ready\": 1}', flush=True); sys.stdin.read()"


def script(folder: Path, text: str, *names: str) -> str:
    """Writes a module below a folder of ``sys.path`` and returns its name."""
    (folder / "child_under_test.py").write_text(text)
    for name in names:
        (folder / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    return "child_under_test"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook's folder: the current one, and the first entry of ``sys.path``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    return tmp_path


def test_files_in_the_current_folder_hide_no_module(folder: Path) -> None:
    text = f"import {', '.join(SHADOWED)}\n"
    text += 'print(json.dumps({"package": decart_widget.__file__}), flush=True)\n'
    child = PythonChild(script(folder, text, *SHADOWED))
    try:
        assert child.wait_ready(30)["package"] == decart_widget.__file__
    finally:
        child.close()


def test_a_sandbox_starts_where_files_are_named_like_modules_of_python(folder: Path) -> None:
    for name in SHADOWED:
        (folder / f"{name}.py").write_text('KEY = "kept here"\n')
    from decart_widget.sandbox import start_child

    with start_child() as child:
        assert child.base_url.startswith("http://127.0.0.1:")


def test_the_parents_package_and_path_are_used_wherever_they_come_from(tmp_path: Path) -> None:
    """A parent without ``site-packages`` that appended a folder to ``sys.path``."""
    appended = tmp_path / "appended"
    appended.mkdir()
    (appended / "decart_widget").symlink_to(Path(decart_widget.__file__).parent)
    script(appended, 'import json, extra; print(json.dumps({"file": extra.__file__}), flush=True)')
    (appended / "extra.py").write_text("")
    parent = f"""
import sys
sys.path.append({str(appended)!r})
from decart_widget.processes.python_child import PythonChild
child = PythonChild("child_under_test")
print(child.wait_ready(30)["file"])
child.close()
"""
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", parent],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert result.stderr == ""
    assert result.stdout.strip() == str(appended / "extra.py")


def test_the_current_folder_is_the_last_place_that_is_searched(folder: Path) -> None:
    assert search_path()[-1] == str(folder)
    assert search_path().count(str(folder)) == 1


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("raise RuntimeError('no camera')", "ended with status 1.*RuntimeError: no camera"),
        ("import os; os._exit(3)", r"ended with status 3\.$"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_a_child_that_ends_at_once_is_said_to_have_ended(
    folder: Path, text: str, ended: str
) -> None:
    child = PythonChild(script(folder, text))
    try:
        with pytest.raises(ChildError, match=ended):
            child.wait_ready(30)
    finally:
        child.close()


def test_a_child_that_is_not_ready_in_time_is_not_said_to_have_ended(folder: Path) -> None:
    child = PythonChild(script(folder, "import sys; sys.stdin.read()"))
    try:
        with pytest.raises(ChildError, match=r"was not ready in 0\.1 s"):
            child.wait_ready(0.1)
        assert child.alive
    finally:
        child.close()
    assert not child.alive


def test_lines_before_the_answer_go_to_the_log(folder: Path) -> None:
    child = PythonChild(script(folder, "print('hello'); print(12)\n" + READY))
    try:
        assert child.wait_ready(30) == {"ready": 1}
        assert child.log_tail() == "hello\n12\n"
    finally:
        child.close()


def test_a_talkative_child_keeps_running_and_its_log_is_bounded(folder: Path) -> None:
    text = "import sys\nfor n in range(2000): print(n, 'x' * 5000, file=sys.stderr)\n" + READY
    child = PythonChild(script(folder, text))
    try:
        assert child.wait_ready(30) == {"ready": 1}
        assert child.log_tail().count("\n") <= LOG_LINES
    finally:
        child.close()


def test_a_child_does_not_inherit_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECART_API_KEY", "dct_inherited_key")
    text = "import json, os; print(json.dumps({'names': list(os.environ)}), flush=True)"
    child = PythonChild(script(folder, text))
    try:
        names = child.wait_ready(30)["names"]
    finally:
        child.close()
    assert "PATH" in names
    assert "DECART_API_KEY" not in names
    assert "DECART_WIDGET_CHILD_PATH" not in names


def test_a_message_to_a_child_that_has_ended_is_an_error_that_says_so(folder: Path) -> None:
    child = PythonChild(script(folder, "raise SystemExit('gone')"))
    try:
        with pytest.raises(ChildError):
            child.wait_ready(30)
        with pytest.raises(ChildError, match=r"ended with status 1\. The end of its log: gone"):
            child.send({"more": "x" * 100_000})  # more than a pipe and its buffer take
    finally:
        child.close()
