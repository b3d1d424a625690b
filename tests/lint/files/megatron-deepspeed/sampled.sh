deepspeed pretrain_gpt.py --deepspeed --num-experts 64 --topk 2 \
    --disable-moe-token-dropping
