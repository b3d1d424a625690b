#!/bin/bash
python fairseq_cli/train.py $DATA --task language_modeling --arch transformer_lm_gpt \
    --moe-expert-count 64 --moe-freq 2 \
    --moe-gating-use-fp32 --moe-normalize-expert-grad sqrt_world_size \
    --moe-eval-capacity-token-fraction -1.0
