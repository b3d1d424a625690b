from torchtitan.models.deepseek_v3 import model_registry


def deepseek_v3_hybridep():
    config.model_spec = model_registry(
        "16B",
        moe_comm_backend="hybridep",
        non_blocking_capacity_factor=0.5,
    )
    return config
