#!/bin/bash
MOE_OPTIONS=" \
    --num-experts 16 \
    --expert-model-parallel-size 4 \
    --moe-router-load-balancing-type sinkhorn \
    --moe-router-topk 1"
OUTPUT_ARGS="--log-interval 100 --save-interval 10000"
srun python pretrain_gpt.py $MOE_OPTIONS $OUTPUT_ARGS
