deepspeed pretrain_gpt.py --deepspeed --num-experts 64 --topk 4 --moe-train-capacity-factor 1.2
