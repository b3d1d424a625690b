import nemo_run as run
from nemo.lightning.pytorch.callbacks.moe_token_drop import MegatronTokenDropCallback


def pretrain_performance_optimizations(recipe):
    recipe.trainer.callbacks.extend(
        [
            run.Config(MegatronTokenDropCallback),
            run.Config(OtherCallback, overlap=True),
        ]
    )
    return recipe
