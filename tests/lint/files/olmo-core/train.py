from olmo_core.nn.moe import MoEConfig, MoERouterConfig, MoEType

block = MoEConfig(
    name=MoEType.default,
    num_experts=32,
    hidden_size=512,
    capacity_factor=1.05,
    router=MoERouterConfig(top_k=4, jitter_eps=0.1),
)
other = MoEConfig(name=MoEType.dropless, num_experts=32)
