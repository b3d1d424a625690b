#!/bin/bash
python3 -m verl.trainer.main_ppo --config-path=config \
    actor_rollout_ref.actor.megatron.expert_model_parallel_size=8 \
    +actor_rollout_ref.actor.megatron.override_transformer_config.moe_router_load_balancing_type=none \
    +actor_rollout_ref.actor.megatron.override_transformer_config.moe_grouped_gemm=True \
    +actor_rollout_ref.actor.megatron.override_transformer_config.moe_expert_capacity_factor=2.0
