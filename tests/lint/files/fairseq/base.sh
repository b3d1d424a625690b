python train.py --arch transformer_lm_gpt2_small --base-layers 1 --base-sublayers 3 --base-shuffle 1
