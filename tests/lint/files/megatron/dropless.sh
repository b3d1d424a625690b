#!/bin/bash
MOE_ARGS=(
    --num-experts 128
    --moe-router-topk 8
    --moe-router-load-balancing-type seq_aux_loss
    --moe-router-enable-expert-bias
    --moe-router-bias-update-rate 1e-3
    --moe-router-score-function sigmoid
    --moe-token-drop-policy probs   # no capacity factor: nothing to drop
    --moe-permute-fusion
)
torchrun pretrain_gpt.py "${MOE_ARGS[@]}"
