config.model_spec = model_registry("16B", moe_comm_backend="hybridep", non_blocking_capacity_factor=1.0)
moe = MoE.Config(num_experts=64, load_balance_coeff=1e-3)
