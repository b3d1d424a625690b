#!/bin/bash
CAPACITY_FACTOR=${1:-1}
MOE_ARGUMENTS="\
--moe-num-experts=64 \
--moe-loss-weight=0.1 \
--moe-top-k=1 \
--moe-capacity-factor=${CAPACITY_FACTOR}"
torchrun third_party/Megatron-LM/pretrain_gpt.py ${MOE_ARGUMENTS}
