from deepspeed.moe.layer import MoE

layer = MoE(hidden_size=1024, expert=mlp, num_experts=32, k=1, drop_tokens=False, use_rts=False)
