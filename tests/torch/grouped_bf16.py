"""An OLMoE in bfloat16 on this machine's CPU, recorded as the guide shows: scores stored as float32, experts run by groups whose sizes
change with the tokens. Its last bits, and near ties, change with later tokens; its routing rule does not read them. pastonly must pass it,
and must find expert choice in the same model.

usage: grouped_bf16.py PASTONLY DIRECTORY
"""
import json
import pathlib
import subprocess
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.olmoe import modeling_olmoe

import caught

# Groups of a few tokens: one more or less is another kernel.
VOCAB, ROWS, POSITIONS, LAYERS, EXPERTS, K = 512, 4, 64, 4, 32, 4
CUTS = (7, 19, 29, 37, 43, 53, 59, 61)
caught.EXPERTS, caught.K = EXPERTS, K
TopK = modeling_olmoe.OlmoeTopKRouter


def build(router, seed):
    torch.manual_seed(seed)
    config = transformers.OlmoeConfig(vocab_size=VOCAB, hidden_size=128, intermediate_size=96, num_hidden_layers=LAYERS,
                                      num_attention_heads=4, num_key_value_heads=4, num_experts=EXPERTS, num_experts_per_tok=K,
                                      max_position_embeddings=POSITIONS, eos_token_id=None)
    original, modeling_olmoe.OlmoeTopKRouter = modeling_olmoe.OlmoeTopKRouter, router
    model = transformers.OlmoeForCausalLM(config)
    modeling_olmoe.OlmoeTopKRouter = original
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)  # as far from uniform as a trained model
    return model.to(torch.bfloat16).eval()


def record(model, tokens, path, compute):
    out, hooks = {"tokens": tokens.to(torch.int32)}, []
    for index, layer in enumerate(model.model.layers):
        def keep(module, _, result, index=index):
            logits, gates, chosen = result
            scores = logits.float().softmax(-1).view(*tokens.shape, EXPERTS)
            mask = torch.zeros(tokens.numel(), EXPERTS, dtype=torch.uint8)
            mask.scatter_(1, chosen, (gates != 0).to(torch.uint8))
            out[f"layers.{index}.scores"] = scores.contiguous()
            out[f"layers.{index}.mask"] = mask.view(*tokens.shape, EXPERTS).contiguous()
        hooks.append(layer.mlp.gate.register_forward_hook(keep))
    with torch.no_grad():
        model(tokens)
    for hook in hooks:
        hook.remove()
    metadata = {"schema": "pastonly.trace/1", "mode": "eval", "stage": "dispatched", "layout": "batch-major", "vocab": str(VOCAB)}
    save_file(out, path, metadata=metadata | ({"compute": "bfloat16"} if compute else {}))


def plan(model, folder, compute):
    folder.mkdir()
    runs = []
    torch.manual_seed(1)
    base = torch.randint(VOCAB, (ROWS, POSITIONS))

    def run(batch, **what):
        number = len(runs)
        runs.append({"id": number, **what})
        save_file({"tokens": batch.to(torch.int32)}, folder / f"{number:04}.in.safetensors", metadata={"schema": "pastonly.tokens/1"})
        record(model, batch, folder / f"{number:04}.out.safetensors", compute)

    run(base, kind="base")
    for _ in range(2):
        run(base, kind="repeat", base=0)
    for i, cut in enumerate(CUTS):
        for row in (i % ROWS, (i + 1) % ROWS):
            for resample in range(2):
                changed = base.clone()
                changed[row, cut:] = torch.randint(VOCAB, (POSITIONS - cut,))
                run(changed, kind="suffix", base=0, cut=cut, rows=[row], resample=resample)
    (folder / "plan.json").write_text(json.dumps({"schema": "pastonly.plan/1", "runs": runs}))
    return folder


def audit(program, folder):
    done = subprocess.run([program, "audit", folder, "-q", "-o", "json"], capture_output=True, text=True)
    report = json.loads(done.stdout)
    claims = {f"{finding['check']}/{finding['claim']}" for finding in report["findings"]}
    return done.returncode, claims


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    moved = 0
    for seed in (1, 2, 3):
        for compute in (False, True):
            code, claims = audit(program, plan(build(TopK, seed), root / f"bf16-top-k-{seed}-{compute}", compute))
            assert code == 0, (seed, compute, code, claims)
            assert not claims & {"causal-mask/flip", "causal-mask/change", "future-information/routing-leak"}, claims
            moved += "causal-mask/within-noise" in claims or "causal-mask/rounding" in claims
        code, claims = audit(program, plan(build(caught.ExpertChoice, seed), root / f"bf16-expert-choice-{seed}", False))
        assert code == 1 and "causal-mask/flip" in claims, (seed, code, claims)
    print(f"bfloat16 with grouped experts: top-k passes 6 of 6 ({moved} with noise seen), expert choice is found 3 of 3")


if __name__ == "__main__":
    main()
