"""Files that pastonly.safetensors writes and reads."""

import json
import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np

import toy  # noqa: F401
from pastonly import safetensors


class Safetensors(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "x.safetensors"

    def test_what_is_written_is_read(self):
        tensors = {name: np.arange(12).reshape(3, 4).astype(dtype) for name, dtype in safetensors.TYPES.items()}
        tensors["turned"] = np.arange(6.0).reshape(2, 3).T
        tensors["scalar"] = np.float32(3)
        tensors["empty"] = np.zeros((0, 4))
        safetensors.write(self.path, tensors, {"schema": "x"})
        read, metadata = safetensors.read(self.path)
        self.assertEqual(metadata, {"schema": "x"})
        self.assertEqual(list(read), list(tensors))
        for name, values in tensors.items():
            np.testing.assert_array_equal(read[name], values, name)
            self.assertEqual(read[name].dtype, values.dtype, name)
            self.assertEqual(read[name].shape, values.shape, name)

    def test_bfloat16_is_read_as_the_same_numbers(self):
        numbers = np.float32([1.0, -2.5, 3e38])
        halves = (numbers.view("<u4") >> 16).astype("<u2")
        header = json.dumps({"a": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
        self.path.write_bytes(struct.pack("<Q", len(header)) + header + halves.tobytes())
        np.testing.assert_array_equal(safetensors.read(self.path)[0]["a"], (halves.astype("<u4") << 16).view("<f4"))

    def test_broken_files_are_named(self):
        good = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
        whole = struct.pack("<Q", len(good)) + good + bytes(8)
        for broken in (b"", whole[:7], whole[:20], whole[:-1], struct.pack("<Q", 2) + b"{x", struct.pack("<Q", 2) + b"[]",
                       whole.replace(b"F32", b"F99"), whole.replace(b"[2]", b"[3]")):
            self.path.write_bytes(broken)
            with self.assertRaisesRegex(ValueError, "x.safetensors"):
                safetensors.read(self.path)

    def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(self):
        safetensors.write(self.path, {"a": np.zeros(2)}, {})
        with self.assertRaisesRegex(TypeError, "b: .*complex"):
            safetensors.write(self.path, {"b": np.zeros(2, complex)}, {})
        self.assertEqual(list(safetensors.read(self.path)[0]), ["a"])
        self.assertEqual([p.name for p in self.path.parent.iterdir()], ["x.safetensors"])


if __name__ == "__main__":
    unittest.main()
