"""A file taken apart and put together again, sound or not."""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gmmaug_plugin.artifact.container import DIGEST_KEY, METADATA_KEY, digest
from gmmaug_plugin.artifact.tensor_file import DTYPES

_CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()} | {
    np.dtype(np.int64): "I64",
    np.dtype(np.uint16): "U16",
    np.dtype(bool): "BOOL",
}


@dataclass
class Parts:
    """What a file is made of, to be changed at will.

    Attributes:
        document: The JSON document, without its digest.
        tensors: Arrays by name.
        raw: Text to write instead of a string in the document, by that string: what ``json`` would not write.
        change_header: What is done to the header before it is written.
        change_bytes: What is done to the whole file in the end.
        signed: Whether the document gets the digest of document and tensors as they are.
        digest: The digest that the file had, which it keeps if it is not signed.
    """

    document: dict[str, Any]
    tensors: dict[str, np.ndarray]
    raw: dict[str, str] = field(default_factory=dict)
    change_header: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    change_bytes: list[Callable[[bytes], bytes]] = field(default_factory=list)
    signed: bool = True
    digest: str | None = None

    def copy(self) -> "Parts":
        """The same parts, to be changed."""
        tensors = {name: array.copy() for name, array in self.tensors.items()}
        return Parts(deepcopy(self.document), tensors, digest=self.digest)

    def to_bytes(self) -> bytes:
        """The file."""
        header: dict[str, Any] = {"__metadata__": {METADATA_KEY: self._text()}}
        begin, contents = 0, []
        for name, array in sorted(self.tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
            code = _CODES.get(array.dtype) or array.dtype.name
            offsets = [begin, begin + array.nbytes]
            header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": offsets}
            contents.append(array.tobytes())
            begin += array.nbytes
        for change in self.change_header:
            # What an earlier lie left of the header may be nothing to lie about.
            with suppress(LookupError, TypeError, ValueError, AttributeError):
                change(header)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        whole = len(text).to_bytes(8, "little") + text + b"".join(contents)
        for alter in self.change_bytes:
            whole = alter(whole)
        return whole

    def _text(self) -> str:
        text = json.dumps(self.document)
        for placeholder, raw in self.raw.items():
            text = text.replace(json.dumps(placeholder), raw)
        told = self._sign(text) if self.signed else self.digest
        if told is None or not text.endswith("}"):
            return text
        return f'{text[:-1]}{"," if self.document else ""}"{DIGEST_KEY}":{json.dumps(told)}}}'

    def _sign(self, text: str) -> str | None:
        """The digest of what a reader finds in the text; None if it finds no JSON."""
        try:
            return digest(json.loads(text), dict(sorted(self.tensors.items())))
        except (ValueError, TypeError, RecursionError):
            return None


def take_apart(contents: bytes) -> Parts | None:
    """The parts of a file; None where it is too broken for that."""
    try:
        length = int.from_bytes(contents[:8], "little")
        header = json.loads(contents[8 : 8 + length])
        document = json.loads(header.pop("__metadata__")[METADATA_KEY])
        body = contents[8 + length :]
        tensors = {}
        for name, told in header.items():
            begin, end = told["data_offsets"]
            values = np.frombuffer(body[begin:end], DTYPES[told["dtype"]])
            tensors[name] = values.reshape(told["shape"]).copy()
        return Parts(document, tensors, digest=document.pop(DIGEST_KEY, None))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, MemoryError):
        return None
