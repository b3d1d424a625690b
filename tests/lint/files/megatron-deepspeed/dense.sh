deepspeed pretrain_gpt.py --deepspeed --num-experts 1 --topk 1 --num-layers 24
