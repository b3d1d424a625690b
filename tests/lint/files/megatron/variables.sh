#!/bin/bash
run() { python pretrain_gpt.py $LATE; }
LATE="--moe-router-load-balancing-type sinkhorn"
BASE=(--num-experts 8 --moe-expert-capacity-factor 1.0)
ALL=("${BASE[@]}" --moe-router-topk 2)
FORCED="--moe-router-force-load-balancing"
[ "$BENCH" ] || FORCED=""
JITTER="--moe-input-jitter-eps 0.1"
if [ "$CALM" ]; then JITTER=""; fi
echo "python pretrain_gpt.py ${ALL[@]} $FORCED $JITTER" > run.sh
bash run.sh
run
