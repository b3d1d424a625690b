#!/bin/bash
COMMON="--num-experts 8"
BEFORE="--moe-router-load-balancing-type sinkhorn"
source launch_common.sh
SMALL="--moe-expert-capacity-factor 1.0"
which="SMALL"
python pretrain_gpt.py $COMMON ${!which}
