#!/bin/bash
FACTOR=$1
torchrun pretrain_gpt.py --num-experts 8 --moe-router-topk 2 \
  --moe-expert-capacity-factor $FACTOR
