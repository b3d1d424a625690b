"""The PyTorch peer of train_bench: the same decoder, optimizer and batch shape, eager, on the CPU.

usage: train_bench.py small|large [--threads N] [--seconds S] [--least STEPS] [--experts loop|bmm|grouped]
Tokens are gathered once per layer, in order of expert. `loop`: one linear per expert over its slice;
`bmm`: padded to the fullest expert and multiplied as a batch; `grouped`: torch's grouped product.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

SHAPES = {
    "small": dict(vocab=64, width=64, layers=4, heads=4, experts=16, expert_width=64, batch=(16, 64)),
    "large": dict(vocab=4096, width=512, layers=8, heads=8, experts=32, expert_width=512, batch=(32, 256)),
}
TOP_K = 2


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x, cosines, sines):
        batch, positions, width = x.shape
        q, k, v = self.qkv(x).view(batch, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = self.rotate(q, cosines, sines), self.rotate(k, cosines, sines)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(out.transpose(1, 2).reshape(batch, positions, width))

    @staticmethod
    def rotate(x, cosines, sines):
        first, second = x.chunk(2, -1)
        return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


class Experts(nn.Module):
    def __init__(self, width, experts, expert_width, how):
        super().__init__()
        self.how, self.experts = how, experts
        self.router = nn.Linear(width, experts, bias=False)
        transposed = how != "loop"
        shape_in = (experts, width, 2 * expert_width) if transposed else (experts, 2 * expert_width, width)
        shape_out = (experts, expert_width, width) if transposed else (experts, width, expert_width)
        self.w_in = nn.Parameter(torch.randn(shape_in) * 0.02)
        self.w_out = nn.Parameter(torch.randn(shape_out) * 0.007)

    def forward(self, x):
        flat = x.view(-1, x.shape[-1])
        scores, chosen = self.router(flat).softmax(-1).topk(TOP_K, -1, sorted=False)
        gates = (scores / scores.sum(-1, keepdim=True)).view(-1)
        order = chosen.view(-1).argsort()
        tokens = order // TOP_K
        counts = torch.bincount(chosen.view(-1), minlength=self.experts)
        rows = flat.index_select(0, tokens)
        out = getattr(self, self.how)(rows, counts) * gates.index_select(0, order)[:, None]
        return torch.zeros_like(flat).index_add_(0, tokens, out).view_as(x)

    @staticmethod
    def act(hidden):
        gate, up = hidden.chunk(2, -1)
        return F.silu(gate) * up

    def loop(self, rows, counts):
        parts = rows.split(counts.tolist())
        return torch.cat([F.linear(self.act(F.linear(part, w_in)), w_out)
                          for part, w_in, w_out in zip(parts, self.w_in.unbind(), self.w_out.unbind())])

    def bmm(self, rows, counts):
        fullest = int(counts.max())
        expert = torch.repeat_interleave(torch.arange(self.experts), counts)
        place = torch.arange(len(rows)) - (counts.cumsum(0) - counts)[expert]
        slot = expert * fullest + place
        padded = rows.new_zeros(self.experts * fullest, rows.shape[1]).index_copy(0, slot, rows)
        hidden = self.act(torch.bmm(padded.view(self.experts, fullest, -1), self.w_in))
        return torch.bmm(hidden, self.w_out).view(-1, rows.shape[1]).index_select(0, slot)

    def grouped(self, rows, counts):
        ends = counts.cumsum(0).to(torch.int32)
        return F.grouped_mm(self.act(F.grouped_mm(rows, self.w_in, offs=ends)), self.w_out, offs=ends)


class Decoder(nn.Module):
    def __init__(self, vocab, width, layers, heads, experts, expert_width, batch, how):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(nn.ModuleList([
            nn.RMSNorm(width, 1e-6), Attention(width, heads),
            nn.RMSNorm(width, 1e-6), Experts(width, experts, expert_width, how)]) for _ in range(layers))
        self.norm = nn.RMSNorm(width, 1e-6)
        self.head = nn.Linear(width, vocab, bias=False)
        half = width // heads // 2
        angles = torch.arange(batch[1])[:, None] * 10000.0 ** (-torch.arange(half) / half)
        self.register_buffer("cosines", angles.cos())
        self.register_buffer("sines", angles.sin())

    def forward(self, tokens):
        x = self.embedding(tokens)
        for norm1, attention, norm2, experts in self.layers:
            x = x + attention(norm1(x), self.cosines, self.sines)
            x = x + experts(norm2(x))
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1))


def run(name, threads, seconds, least, how):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    shape = SHAPES[name]
    model = Decoder(**shape, how=how)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    tokens = torch.randint(shape["vocab"], shape["batch"])

    def step():
        loss = model(tokens)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    times, processor = [], []
    step()
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < least:
        before, processor_before = time.perf_counter(), time.process_time()
        loss = step()
        times.append(time.perf_counter() - before)
        processor.append(time.process_time() - processor_before)
    middle = statistics.median(times)
    return {"config": name, "threads": threads, "experts": how, "steps": len(times),
            "milliseconds": round(middle * 1e3, 3),
            "processor_milliseconds": round(statistics.median(processor) * 1e3, 3), "steps_per_second": round(1 / middle, 3),
            "loss_bits": round(loss.item() / 0.6931471805599453, 4), "torch": torch.__version__}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config", choices=sorted(SHAPES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--least", type=int, default=3)
    parser.add_argument("--experts", choices=["loop", "bmm", "grouped"], default="loop")
    options = parser.parse_args()
    print(json.dumps(run(options.config, options.threads, options.seconds, options.least, options.experts)))


if __name__ == "__main__":
    main()
