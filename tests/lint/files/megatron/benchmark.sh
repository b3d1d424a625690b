#!/bin/bash
#SBATCH --nodes=2
srun torchrun pretrain_gpt.py --num-experts 256 --moe-router-topk 8 --moe-grouped-gemm --moe-router-force-load-balancing \
  --moe-router-padding-for-quantization
