"""Whether a recorded mask is what the experts did: an expert whose weights change moves the tokens that it processes.

This needs nothing of the adapter: the outputs of the last MoE layer are compared, token by token.
"""

import torch


def check(model, layer, experts, vocab, positions=24, rows=4):
    """Faults as text. `layer`: the module whose output is compared; `experts`: the last layer's weights, one tensor
    (a view) for each expert."""
    tokens = torch.randint(0, vocab, (rows, positions), generator=torch.Generator().manual_seed(2)).numpy()
    outputs = []

    def keep(module, args, result):
        out = result[0] if isinstance(result, tuple) else result
        outputs.append(out.detach().clone())

    hook = layer.register_forward_hook(keep)
    last = max(model.layers)
    recorded = model(tokens, None, 0)
    took = (recorded[f"layers.{last}.mask"] > 0) & (recorded[f"layers.{last}.gates"] != 0)  # (B, S, N)
    faults, base = [], outputs.pop()
    for expert, weights in enumerate(experts):
        before = weights.detach().clone()
        with torch.no_grad():
            weights.mul_(3)
            model(tokens, None, 0)
            weights.copy_(before)
        moved = (outputs.pop() - base).abs().amax(-1) > 1e-6
        if moved.shape != took.shape[:2]:
            moved = moved.t()  # sequence-major
        if (moved != took[..., expert]).any():
            faults.append(f"expert {expert} moves {int(moved.sum())} tokens, and is recorded with "
                          f"{int(took[..., expert].sum())}; {int((moved != took[..., expert]).sum())} differ")
    hook.remove()
    if not took.any(-1).all() or took.all():
        print(f"  masks: {int((~took.any(-1)).sum())} of {rows * positions} tokens have no expert")
    return faults
