#!/bin/bash
EP_SIZE=128
MOE_TRAIN_CAP_FACTOR=1.0
MOE_EVAL_CAP_FACTOR=1.0
MOE_DROP_TOKEN="true"
megatron_options=" \
        --override-opt_param-scheduler \
        --num-experts ${EP_SIZE} \
        --moe-loss-coeff 0.01 \
        --moe-train-capacity-factor ${MOE_TRAIN_CAP_FACTOR} \
        --moe-eval-capacity-factor ${MOE_EVAL_CAP_FACTOR} \
        --moe-min-capacity 4"
deepspeed pretrain_gpt.py ${megatron_options} --deepspeed
