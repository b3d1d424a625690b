from deepspeed.moe.layer import MoE

settings = {"hidden_size": 8, "num_experts": 8, "k": 2, "drop_tokens": False, "top2_2nd_expert_sampling": False}
a = MoE(expert=e, **settings)
b = MoE(**cfg)
c = MoE(expert=e, drop_tokens=False, k=1, **cfg)
