"""The one place where the version is written: the build and the widget's hello read it here."""

__version__ = "0.1.0"
