from deepspeed.moe.layer import MoE

a = MoE(64, expert, num_experts=4, k=1, use_rts=False)
b = MoE(64, expert, num_experts=4, k=2, top2_2nd_expert_sampling=False)
c = MoE(64, expert, num_experts=16, k=4)
d = MoE(64, expert, num_experts=4, k=2, drop_tokens=False)
e = MoE(64, expert, num_experts=4, k=1, drop_tokens=False, noisy_gate_policy="RSample")
