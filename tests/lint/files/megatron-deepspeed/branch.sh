#!/bin/bash
EP_SIZE=128
MOE_DROP_TOKEN="true"
megatron_options=" \
        --num-experts ${EP_SIZE} \
        --moe-loss-coeff 0.01"
if [[ $EP_SIZE -gt 1 ]]; then
megatron_options="${megatron_options} \
        --create-moe-param-group"
fi
if [ "${MOE_DROP_TOKEN}" = "false" ]; then
megatron_options="${megatron_options} \
        --disable-moe-token-dropping"
fi
deepspeed pretrain_gpt.py ${megatron_options} --deepspeed
