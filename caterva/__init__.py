"""N-dimensional, chunked, compressed arrays."""

from caterva._build_config import version as __version__
from caterva.build import build_info
from caterva.codecs import Codec, Filter, SplitMode
from caterva.constructors import (
    asarray,
    copy,
    empty,
    from_buffer,
    from_bytes,
    full,
    open,
    remove,
    repair,
    zeros,
)
from caterva.errors import (
    CatervaError,
    CodecError,
    CorruptDataError,
    FileChangedError,
    LimitError,
    LockedError,
    NotAnArrayError,
    RecoveredWarning,
    StorageError,
    UnsupportedFormatError,
    UnverifiedWarning,
)
from caterva.ndarray import NDArray
from caterva.plain import PlainArray
from caterva.threads import set_nthreads
from caterva.verification import BadPlace, Verification

__all__ = [
    "BadPlace",
    "CatervaError",
    "Codec",
    "CodecError",
    "CorruptDataError",
    "FileChangedError",
    "Filter",
    "LimitError",
    "LockedError",
    "NDArray",
    "NotAnArrayError",
    "PlainArray",
    "RecoveredWarning",
    "SplitMode",
    "StorageError",
    "UnsupportedFormatError",
    "UnverifiedWarning",
    "Verification",
    "__version__",
    "asarray",
    "build_info",
    "copy",
    "empty",
    "from_buffer",
    "from_bytes",
    "full",
    "open",
    "remove",
    "repair",
    "set_nthreads",
    "zeros",
]


def __dir__() -> list[str]:
    """Return the names for users: no modules."""
    return list(__all__)
