"""Types of the module that the build makes of _version.py.in."""

version: str
