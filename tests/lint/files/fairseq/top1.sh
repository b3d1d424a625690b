python train.py --arch transformer_lm_gpt --moe-expert-count 64 --moe-freq 2 --moe-top1-expert
