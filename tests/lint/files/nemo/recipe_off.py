from nemo.lightning.pytorch.callbacks.moe_token_drop import MegatronTokenDropCallback

callbacks = [MegatronTokenDropCallback(moe_expert_capacity_factor=-1.0)]
