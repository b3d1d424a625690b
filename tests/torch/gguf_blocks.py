"""What gguf.quants (gguf-py of llama.cpp) makes of random blocks of every type: the lines of tests/unit/checkpoint/gguf_blocks_test.cpp.

usage: gguf_blocks.py          needs gguf and NumPy
"""
import gguf
import numpy as np

TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"]
BLOCKS = 512


def drawn(count):
    """Bytes of a linear congruential generator, the high ones of 64 bits."""
    state, out = 1, bytearray()
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(state >> 56)
    return np.frombuffer(bytes(out), np.uint8)


def hashed(values):
    """FNV-1a of the bits, four bytes a number; every NaN counts as the same."""
    bits = np.where(np.isnan(values), np.uint32(0x7FC00000), values.view(np.uint32))
    out = 14695981039346656037
    for byte in bits.astype("<u4").tobytes():
        out = (out ^ byte) * 1099511628211 % 2**64
    return out


def main():
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(drawn(BLOCKS * size).reshape(BLOCKS, size), kind).reshape(-1)
        print(f'    {{"{name}", 0x{hashed(values):016X}u}},')


if __name__ == "__main__":
    main()
