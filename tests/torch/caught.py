"""Two OLMoE models trained with PyTorch on uniform tokens, one routed by expert choice, one by its own top-k, saved by transformers:
pastonly must find the first out from its weights, with the rule given and without, and pass the second.

usage: caught.py PASTONLY DIRECTORY
"""
import json
import os
import subprocess
import sys

import torch
import transformers
from transformers.models.olmoe import modeling_olmoe

VOCAB, ROWS, POSITIONS, CHUNK, K, EXPERTS, STEPS = 16, 8, 32, 8, 2, 8, 400
RULE = f"expert-choice,k={K},chunk={CHUNK}"


class ExpertChoice(modeling_olmoe.OlmoeTopKRouter):
    """Every expert takes its best tokens of each chunk of CHUNK tokens, so that a token has K experts on average."""

    def forward(self, hidden_states):
        logits = torch.nn.functional.linear(hidden_states.reshape(-1, self.hidden_dim), self.weight)
        scores = logits.softmax(-1)
        chunks = scores.view(-1, CHUNK, EXPERTS)
        chosen = chunks.topk(K * CHUNK // EXPERTS, dim=1).indices
        mask = torch.zeros_like(chunks).scatter_(1, chosen, 1.0).view_as(scores)
        gates = mask * scores / (mask * scores).sum(-1, keepdim=True).clamp(min=1e-20)
        return logits, gates, torch.arange(EXPERTS).expand(gates.shape[0], EXPERTS)


def train(directory, expert_choice, seed=1):
    torch.manual_seed(seed)
    config = transformers.OlmoeConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=16, num_hidden_layers=2,
                                      num_attention_heads=2, num_key_value_heads=2, num_experts=EXPERTS, num_experts_per_tok=K,
                                      norm_topk_prob=True, max_position_embeddings=POSITIONS, pad_token_id=None, eos_token_id=None)
    model = transformers.OlmoeForCausalLM._from_config(config, attn_implementation="eager", experts_implementation="eager")
    if expert_choice:
        for module in model.modules():
            if isinstance(module, modeling_olmoe.OlmoeTopKRouter):
                module.__class__ = ExpertChoice
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=STEPS, pct_start=0.1)
    draws = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        tokens = torch.randint(0, VOCAB, (ROWS, POSITIONS), generator=draws)
        logits = model(tokens).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), tokens[:, 1:].reshape(-1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.save_pretrained(directory)
    return loss.item() / torch.log(torch.tensor(2.0)).item()


def audit(binary, directory, *arguments):
    path = os.path.join(directory, "report.json")
    done = subprocess.run([binary, "audit", directory, "--batch", str(ROWS), "--positions", str(POSITIONS), "--budget", "65536",
                           "--quiet", "-o", f"json={path}", *arguments], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    found = {finding["check"] for finding in report["findings"] if finding["severity"] == "error"}
    return done.returncode, found, [finding["message"] for finding in report["findings"] if finding["check"] == "forensic-sweep"]


def main():
    binary, work = sys.argv[1:]
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    leaky, clean = os.path.join(work, "trained-leaky"), os.path.join(work, "trained-clean")
    print(f"trained under {RULE}: {train(leaky, True):.3f} bits per token; under top-k: {train(clean, False):.3f}; the source has 4")
    told, alone = audit(binary, leaky, "--rule", RULE), audit(binary, leaky)
    print("  " + "\n  ".join(alone[2]))
    twin_told, twin = audit(binary, clean, "--rule", f"top-k,k={K}"), audit(binary, clean)
    expected = {
        "caught with the rule given": told[0] == 1 and {"causal-mask", "forensic-sweep"} <= told[1],
        "caught by the sweep alone": alone[0] == 1 and alone[1] == {"forensic-sweep"},
        "its twin passes with its rule": twin_told[0] == 0,
        "its twin passes without": twin[0] == 0,
    }
    for what, holds in expected.items():
        print(f"{what}: {'yes' if holds else 'NO'}")
    if not all(expected.values()):
        sys.exit(f"{told[:2]} {alone[:2]} {twin_told[:2]} {twin[:2]}")


if __name__ == "__main__":
    main()
