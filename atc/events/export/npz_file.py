"""An npz file written piece by piece: arrays of any length in little memory.

An npz is a zip of npy files (numpy.org, "numpy.lib.format"); an npy says its length before its content. So
each array is first collected in a file without a name beside the target, and packed when its length is known.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COPY_BYTES = 1 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip can tell: the same arrays give the same bytes."""


class NpzFile:
    """A context manager: the file is there, whole, after the block; after an exception nothing is.

    `compresslevel` is zlib's, 0 to 9; 0 stores. Everything of one name has one type.
    """

    def __init__(self, path: Path, *, compresslevel: int) -> None:
        self.path = path
        self._level = compresslevel
        self._arrays: dict[str, tuple[IO[bytes], np.dtype[Any], int]] = {}

    def __enter__(self) -> Self:
        return self

    def append(self, name: str, values: npt.NDArray[Any]) -> None:
        """Adds elements to the end of an array; the first call, even without elements, makes it."""
        import numpy as np

        found = self._arrays.get(name)
        if found is None:
            collected = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115 - closed in __exit__
            found = (collected, values.dtype, 0)
        file, dtype, count = found
        if values.dtype != dtype:
            raise TypeError(f"array {name} is {dtype}; found elements of {values.dtype}")
        np.ascontiguousarray(values).tofile(file)
        self._arrays[name] = (file, dtype, count + len(values))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._pack()
        finally:
            for file, _, _ in self._arrays.values():
                file.close()

    def _pack(self) -> None:
        import numpy as np

        with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=".npz-", delete=False) as packed:
            try:
                with zipfile.ZipFile(packed, "w", allowZip64=True) as archive:
                    for name, (file, dtype, count) in self._arrays.items():
                        entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
                        entry.compress_type = zipfile.ZIP_DEFLATED if self._level else zipfile.ZIP_STORED
                        # ZipFile's own level is not used for an entry that is given.
                        entry._compresslevel = self._level  # type: ignore[attr-defined]
                        header = {
                            "descr": np.lib.format.dtype_to_descr(dtype),
                            "fortran_order": False,
                            "shape": (count,),
                        }
                        with archive.open(entry, "w", force_zip64=True) as member:
                            np.lib.format.write_array_header_1_0(member, header)
                            file.seek(0)
                            shutil.copyfileobj(file, member, COPY_BYTES)
                packed.flush()
                Path(packed.name).chmod(0o644)
                Path(packed.name).replace(self.path)
            except BaseException:
                Path(packed.name).unlink(missing_ok=True)
                raise
