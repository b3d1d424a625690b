"""What pastonly reads of files of torch.save, against torch.load: random tensors of every element type, views of every kind, NumPy
arrays, nested in lists, tuples and dicts, under every protocol; and files cut off and changed at random, which are read as torch reads
them or refused.

usage: torch_files.py COPY_ARRAYS DIRECTORY
"""
import collections
import os
import random
import subprocess
import sys

import numpy
import safetensors.torch
import torch

FILES, BROKEN = 300, 300
TYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
         torch.bool, torch.uint16, torch.uint32, torch.uint64]
BEYOND = [torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2]  # read past, not offered
ARRAYS = ["<f4", "<f8", "<f2", "<i8", "<i4", "<i2", "|i1", "|u1", "|b1", "<u2", "<u4", "<u8"]


def tensor(rng):
    """Random bits of a random type, seen through a random chain of views; sometimes one storage seen twice."""
    kind = rng.choice(TYPES + BEYOND if rng.random() < 0.1 else TYPES)
    shape = [rng.choice([0, 1, 2, 3, 5]) if rng.random() < 0.1 else rng.randint(1, 5) for _ in range(rng.randint(0, 4))]
    count = 1
    for size in shape:
        count *= size
    bits = torch.randint(0, 2 if kind == torch.bool else 256, (count * kind.itemsize,), dtype=torch.uint8)
    out = (bits.bool() if kind == torch.bool else bits.view(kind)).reshape(shape)
    for _ in range(rng.randint(0, 3)):
        if out.dim() == 0:
            break
        axis = rng.randrange(out.dim())
        what = rng.choice(["transpose", "cut", "step", "expand", "select"])
        if what == "transpose":
            out = out.transpose(axis, rng.randrange(out.dim()))
        elif what == "cut" and out.shape[axis] > 1:
            out = out.narrow(axis, 1, out.shape[axis] - 1)
        elif what == "step":
            out = out[(slice(None),) * axis + (slice(None, None, 2),)]
        elif what == "expand":
            out = out.unsqueeze(axis).expand(*out.shape[:axis], 3, *out.shape[axis:])
        elif out.shape[axis] > 0:
            out = out.select(axis, out.shape[axis] - 1)
    return out


def array(rng):
    shape = [rng.randint(0, 4) for _ in range(rng.randint(0, 3))]
    kind = numpy.dtype(rng.choice(ARRAYS))
    count = int(numpy.prod(shape))
    raw = numpy.random.default_rng(rng.getrandbits(32)).integers(0, 2 if kind.kind == "b" else 256, count * kind.itemsize, dtype="u1")
    out = raw.view(kind).reshape(shape)
    return numpy.asfortranarray(out) if rng.random() < 0.3 else out


def thing(rng, seen, depth):
    what = rng.random()
    if what < 0.35:
        seen.append(tensor(rng))
        return seen[-1]
    if what < 0.45:
        return array(rng)
    if what < 0.5 and seen:
        one = rng.choice(seen)
        return one[..., :1] if one.dim() else one
    if what < 0.65 or depth == 5:
        return rng.choice([None, True, False, rng.getrandbits(40) - 2**39, -5, 300, 70000, 2**40, 2**90, 1.5, "text", "é", b"\x00\xff",
                           numpy.int64(7), numpy.float32(0.5)])
    inner = [thing(rng, seen, depth + 1) for _ in range(rng.randint(0, 4))]
    if what < 0.75:
        return inner
    if what < 0.82:
        return tuple(inner)
    names = {rng.choice(["a", "b", "layer", 3, 17]): value for value in inner}
    return collections.OrderedDict(names) if rng.random() < 0.4 else names


def arrays_of(value, name, out):
    if isinstance(value, numpy.ndarray):
        value = torch.from_numpy(value.copy())
    if isinstance(value, torch.Tensor):
        if value.dtype not in BEYOND:
            out[name or "array"] = value
    elif isinstance(value, (list, tuple)):
        for i, one in enumerate(value):
            arrays_of(one, f"{name}.{i}" if name else str(i), out)
    elif isinstance(value, dict):
        for key, one in value.items():
            arrays_of(one, f"{name}.{key}" if name else str(key), out)
    return out


def bits(value):
    flat = torch.empty(value.numel(), dtype=value.dtype)
    return value.dtype, tuple(value.shape), flat.copy_(value.reshape(-1)).view(torch.uint8).tolist() if value.numel() else []


def read(program, path, copy):
    done = subprocess.run([program, path, copy], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 2), f"{path}: exit code {done.returncode}: {done.stderr}"
    assert done.returncode == 0 or done.stderr.count("\n") == 1, done.stderr
    return safetensors.torch.load_file(copy) if done.returncode == 0 else done.stderr


def same(program, path, copy):
    got = read(program, path, copy)
    if isinstance(got, str):
        return got
    want = arrays_of(torch.load(path, weights_only=False), "", {})
    assert got.keys() == want.keys(), (path, sorted(got), sorted(want))
    for name in want:
        assert bits(got[name]) == bits(want[name]), (path, name, got[name], want[name])
    return len(want)


program, directory = sys.argv[1:]
path, copy = os.path.join(directory, "random.pt"), os.path.join(directory, "copy.safetensors")
rng = random.Random(1)
torch.manual_seed(1)
arrays = files = 0
for _ in range(FILES):
    seen = []
    torch.save([thing(rng, seen, 0) for _ in range(rng.randint(1, 6))], path, pickle_protocol=rng.choice([2, 2, 3, 4, 5]))
    told = same(program, path, copy)
    assert isinstance(told, int), told
    arrays += told
    files += told > 0
assert arrays > 3 * FILES, arrays

whole = None
refused = 0
for _ in range(BROKEN):
    if whole is None or rng.random() < 0.05:
        torch.save({"a": tensor(rng), "b": [array(rng), tensor(rng)], "c": {"d": 1, "e": "text"}}, path)
        whole = open(path, "rb").read()
    broken = bytearray(whole[:rng.randrange(len(whole))] if rng.random() < 0.2 else whole)
    at = whole.find(b"data.pkl") + 8
    for _ in range(rng.randint(1, 3)):
        if len(broken) > at:
            broken[rng.randrange(at, min(len(broken), at + 700))] = rng.randrange(256)
    open(path, "wb").write(broken)
    refused += isinstance(read(program, path, copy), str)
assert refused > BROKEN // 4, refused

torch.save(torch.ones(3), path, _use_new_zipfile_serialization=False)
assert "PyTorch 1.6" in read(program, path, copy)
torch.save({"model": torch.nn.Linear(2, 2)}, path)
assert "torch.nn.modules.linear.Linear" in read(program, path, copy)
print(f"{files} files of torch.save with {arrays} arrays read as torch.load reads them; {refused} of {BROKEN} broken ones refused")
