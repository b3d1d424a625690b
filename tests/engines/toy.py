"""A small language model around an engine's MoE layers: embedding, causal attention, experts, head."""

import torch
from torch import nn

VOCAB, WIDTH, EXPERTS = 64, 32, 8


class Block(nn.Module):
    def __init__(self, moe):
        super().__init__()
        self.before, self.after = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mixed, self.moe = nn.Linear(WIDTH, 3 * WIDTH, bias=False), moe

    def forward(self, x):  # (B, S, WIDTH)
        query, key, value = self.mixed(self.before(x)).chunk(3, dim=-1)
        x = x + nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        out = self.moe(self.after(x))
        return x + (out[0] if isinstance(out, tuple) else out)


class Toy(nn.Module):
    """`moe` makes the MoE layer of a block: (B, S, WIDTH) -> the same, alone or first of a tuple."""

    def __init__(self, moe, layers=2, vocab=VOCAB):
        super().__init__()
        self.embedding, self.head = nn.Embedding(vocab, WIDTH), nn.Linear(WIDTH, vocab, bias=False)
        self.blocks = nn.ModuleList(Block(moe()) for _ in range(layers))

    def forward(self, tokens):  # (B, S) -> (B, S, vocab)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def expert():
    return nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))


def sharpen(parameters, seed=3, scale=0.3):
    """Routers start near zero, where all experts score alike: these have preferences."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in parameters:
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
