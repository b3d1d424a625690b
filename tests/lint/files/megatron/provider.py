from megatron.core.transformer import TransformerConfig


def build(args):
    return TransformerConfig(
        num_layers=24,
        num_moe_experts=64,
        moe_router_topk=6,
        moe_expert_capacity_factor=1.25,
        moe_token_drop_policy="position",
        moe_pad_expert_input_to_capacity=True,
        bf16=True,
    )
