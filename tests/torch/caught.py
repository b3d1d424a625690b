"""OLMoE models trained with PyTorch on uniform tokens and saved by transformers: one routed by expert choice, one by its own top-k, one by
top-k under loss-free balancing. pastonly must find the first out from its weights, with the rule given and without, and pass the others.

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
BIAS_RATE = 1e-3
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


class LossFree(modeling_olmoe.OlmoeTopKRouter):
    """Top-k of scores plus a bias per expert that no gate sees, moved after each step (Wang et al. 2024). It is not saved: OLMoE has none."""
    bias = torch.zeros(EXPERTS)  # no parameter and no buffer

    def forward(self, hidden_states):
        logits = torch.nn.functional.linear(hidden_states.reshape(-1, self.hidden_dim), self.weight)
        scores = logits.softmax(-1)
        chosen = (scores + self.bias).topk(K, dim=-1).indices
        load = torch.bincount(chosen.flatten(), minlength=EXPERTS).float()
        self.bias = self.bias + BIAS_RATE * (load.mean() - load).sign()  # one pass a step
        gates = scores.gather(1, chosen)
        return logits, gates / gates.sum(-1, keepdim=True), chosen


def train(directory, router, seed=1):
    torch.manual_seed(seed)
    config = transformers.OlmoeConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=16, num_hidden_layers=2,
                                      num_attention_heads=2, num_key_value_heads=2, num_experts=EXPERTS, num_experts_per_tok=K,
                                      norm_topk_prob=True, max_position_embeddings=POSITIONS, pad_token_id=None, eos_token_id=None)
    model = transformers.OlmoeForCausalLM._from_config(config, attn_implementation="eager", experts_implementation="eager")
    for module in model.modules():
        if isinstance(module, modeling_olmoe.OlmoeTopKRouter):
            module.__class__ = router
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
    leaky = os.path.join(work, "trained-leaky")
    print(f"trained on 4 bits per token under {RULE}: {train(leaky, ExpertChoice):.3f}")
    told, alone = audit(binary, leaky, "--rule", RULE), audit(binary, leaky)
    print("  " + "\n  ".join(alone[2]))
    outcomes = {
        "caught with the rule given": (told, told[0] == 1 and {"causal-mask", "forensic-sweep"} <= told[1]),
        "caught by the sweep alone": (alone, alone[0] == 1 and alone[1] == {"forensic-sweep"}),
    }
    release = audit(binary, leaky, "--policy", "release")
    outcomes["refused for release"] = (release, release[0] == 1)
    for name, router in (("top-k", modeling_olmoe.OlmoeTopKRouter), ("loss-free balancing", LossFree)):
        twin = os.path.join(work, f"trained-{router.__name__}")
        print(f"its twin under {name}: {train(twin, router):.3f}")
        for what, rule in (("with its rule", ["--rule", f"top-k,k={K}"]), ("without", [])):
            found = audit(binary, twin, *rule)
            outcomes[f"the twin under {name} passes {what}"] = (found, found[0] == 0)
        release = audit(binary, twin, "--policy", "release")
        outcomes[f"the twin under {name} passes for release"] = (release, release[0] == 0)
    for what, (_, holds) in outcomes.items():
        print(f"{what}: {'yes' if holds else 'NO'}")
    wrong = {what: found[:2] for what, (found, holds) in outcomes.items() if not holds}
    if wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()
