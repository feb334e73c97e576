"""The script of a child process: ``python -P bootstrap.py MODULE ARGUMENT...``.

It runs a module of this package as ``__main__``, like ``python -m``, with two differences:

- Files in the notebook's folder, such as ``secrets.py`` or ``random.py``, don't hide modules of the
  standard library or installed packages.
- The package is the one that the parent process imported, wherever that found it.

``python_child.py`` is the parent's side. This file imports nothing of the package, because it
decides where the package is imported from.
"""

import importlib.util
import os
import sys

PATH_VARIABLE = "DECART_WIDGET_CHILD_PATH"
"""Environment variable with the parent's ``sys.path``, as a JSON list; removed when it is read."""


def main() -> None:
    """Set ``sys.path``, import the package from this file's folder, and run the module."""
    path = os.environ.pop(PATH_VARIABLE, "")
    # Nothing but the standard library is visible until its modules used here are imported.
    library = [entry for entry in sys.path if is_standard_library(entry)]
    sys.path[:] = library
    import json
    import runpy

    sys.path += [entry for entry in json.loads(path or "[]") if not is_standard_library(entry)]
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    import_package(os.path.basename(folder), folder)  # noqa: PTH119
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def is_standard_library(entry: str) -> bool:
    """Whether an entry of ``sys.path`` holds the standard library: its folder, a part, or a zip."""
    library = os.path.dirname(os.__file__)  # noqa: PTH120
    return (
        entry in (library, os.path.join(library, "lib-dynload"))  # noqa: PTH118
        or os.path.basename(entry) == "python{}{}.zip".format(*sys.version_info)  # noqa: PTH119
        or (os.name == "nt" and entry == os.path.join(sys.base_prefix, "DLLs"))  # noqa: PTH118
    )


def import_package(name: str, folder: str) -> None:
    """Import a package from its folder, whatever ``sys.path`` is."""
    spec = importlib.util.spec_from_file_location(
        name,
        os.path.join(folder, "__init__.py"),  # noqa: PTH118
        submodule_search_locations=[folder],
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    main()
