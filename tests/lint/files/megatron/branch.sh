#!/bin/bash
MOE_ARGS=(--num-experts 8 --moe-router-topk 2)
case $MODE in
  drop) MOE_ARGS+=(--moe-expert-capacity-factor 1.0 --moe-token-drop-policy position) ;;
  *) MOE_ARGS+=(--moe-grouped-gemm) ;;
esac
torchrun pretrain_gpt.py "${MOE_ARGS[@]}"
