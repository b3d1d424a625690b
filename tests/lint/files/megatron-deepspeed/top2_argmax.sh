deepspeed pretrain_gpt.py --deepspeed --num-experts 64 --topk 2 --disable-moe-top2-2nd-expert-sampling --create-moe-param-group
