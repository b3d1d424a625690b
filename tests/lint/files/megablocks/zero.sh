torchrun pretrain_gpt.py --moe-num-experts=64 --moe-top-k=1 --moe-capacity-factor=0
