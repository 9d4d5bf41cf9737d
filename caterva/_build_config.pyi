"""Types of the module that the build makes of _build_config.py.in."""

version: str
build_type: str
codecs_from: str
limited_api: bool
