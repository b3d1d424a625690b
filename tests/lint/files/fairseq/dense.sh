python train.py --arch transformer_lm_gpt --moe-freq 0 --moe-expert-count 0 --base-layers 0
