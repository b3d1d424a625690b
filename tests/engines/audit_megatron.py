"""Megatron-core's GPTModel with its own MoE layers. Truths from megatron/core/transformer/moe/{router,moe_utils}.py."""

import sys

import cases
import megatron_cpu
import toy
from cases import Case


def gpt(mode, ahead=False, **options):
    """A GPTModel of the engine's local layers, with dropout as in training; `ahead`: and one of multi-token prediction."""
    def build():
        import torch
        from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec, get_gpt_mtp_block_spec
        from megatron.core.models.gpt.gpt_model import GPTModel
        from megatron.core.transformer.transformer_config import TransformerConfig
        from pastonly.adapters.megatron import Megatron

        torch.manual_seed(0)
        config = TransformerConfig(**{**dict(
            num_layers=2, mtp_num_layers=1 if ahead else None, hidden_size=toy.WIDTH, num_attention_heads=2,
            ffn_hidden_size=2 * toy.WIDTH, moe_ffn_hidden_size=2 * toy.WIDTH, num_moe_experts=toy.EXPERTS,
            moe_router_topk=2, moe_router_load_balancing_type="aux_loss", moe_token_dispatcher_type="alltoall", add_bias_linear=False,
            use_cpu_initialization=True, bias_dropout_fusion=False), **options})
        spec = get_gpt_layer_local_spec(num_experts=toy.EXPERTS, moe_grouped_gemm=False)
        mtp = get_gpt_mtp_block_spec(config, spec, use_transformer_engine=False) if ahead else None
        model = GPTModel(config, spec, mtp_block_spec=mtp, vocab_size=toy.VOCAB, max_sequence_length=128,
                         position_embedding_type="rope")
        routers = [layer.mlp.router for layer in model.decoder.layers]
        toy.sharpen([router.weight for router in routers])
        if options.get("moe_router_enable_expert_bias"):
            toy.sharpen([router.expert_bias for router in routers], seed=4, scale=0.05)
        return Megatron(model.train(mode == "train"), vocab=toy.VOCAB)
    return build


def last_experts(model):
    layer = model.model.decoder.layers[-1].mlp
    return layer, [expert.linear_fc2.weight for expert in layer.experts.local_experts]


ALL = ("future", "others", "order", "length")
SIGMOID = dict(moe_router_score_function="sigmoid")
CASES = []
for mode in ("train", "eval"):
    def add(rule, depends, named, also=(), **options):
        CASES.append(Case("GPTModel", mode, rule, gpt(mode, **options), depends, named, also, experts=last_experts))

    add("top-2, aux loss", (), "top-k", moe_aux_loss_coeff=0.01)
    add("top-2, loss-free expert bias", (), "biased-top-k", moe_router_load_balancing_type="none",
        moe_router_enable_expert_bias=True, **SIGMOID)
    add("top-2, 1 of 4 groups", (), "group-limited-top-k", moe_router_num_groups=4, moe_router_group_topk=1,
        moe_router_pre_softmax=True)
    # The two best experts always lie in the two groups of the best single experts: plain top-k.
    add("top-2, 2 of 4 groups by their best one", (), "top-k", moe_router_num_groups=4, moe_router_group_topk=2,
        moe_router_pre_softmax=True)
    # An expert keeps the largest gates of all tokens, or those that torch.topk of ones happens to return.
    add("top-2, capacity 1 by probability (default)", ("future", "others", "length"), "drop-by-score",
        moe_expert_capacity_factor=1.0)
    add("top-2, capacity 1 by probability, padded, softmax first", ("future", "others", "length"), "drop-by-score",
        moe_expert_capacity_factor=1.0, moe_router_pre_softmax=True, moe_pad_expert_input_to_capacity=True)
    add("top-2, capacity 1 by position", ALL, "unstable-capacity", moe_expert_capacity_factor=1.0,
        moe_token_drop_policy="position")
    # Column factors are sums over all tokens, in training alone.
    for k in (1, 2):
        sinkhorn = mode == "train"
        add(f"top-{k}, sinkhorn", ("future", "others", "length") if sinkhorn else (), "sinkhorn" if sinkhorn else "top-k",
            moe_router_topk=k, moe_router_load_balancing_type="sinkhorn")
CASES += [
    # The layer that predicts two tokens ahead is given the next token: it is left out, and named.
    Case("GPTModel with multi-token prediction", "train", "top-2", gpt("train", ahead=True), (), "top-k",
         experts=last_experts),
    Case("GPTModel", "train", "top-4, 2 of 4 groups by their best two",
         gpt("train", moe_router_topk=4, moe_router_num_groups=4, moe_router_group_topk=2, moe_router_pre_softmax=True),
         (), "group-limited-top-k", experts=last_experts),
    Case("GPTModel", "train", "top-2, input jitter, expert bias and 1 of 4 groups",
         gpt("train", moe_router_load_balancing_type="none", moe_router_enable_expert_bias=True, moe_input_jitter_eps=0.1,
             moe_router_num_groups=4, moe_router_group_topk=1, **SIGMOID), (), "group-limited-top-k", experts=last_experts),
]

if __name__ == "__main__":
    megatron_cpu.start()
    sys.exit(cases.run("megatron", CASES))
