#!/usr/bin/env bash
CAPACITY=1.25
POLICY="position"
torchrun --nproc_per_node 8 pretrain_gpt.py \
    --num-experts 64 \
    --moe-router-topk 6 \
    --moe-expert-capacity-factor ${CAPACITY} \
    --moe-token-drop-policy $POLICY \
    --bf16
