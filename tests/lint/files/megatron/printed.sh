#!/bin/bash
# Nothing here runs with an option that looks ahead.
usage() {
  cat <<EOF
usage: train.sh --num-experts 8 --moe-router-load-balancing-type sinkhorn
EOF
}
: <<'OLD'
python pretrain_gpt.py --moe-expert-capacity-factor 1.0
OLD
echo "do not use --moe-router-load-balancing-type sinkhorn" >&2
printf '%s\n' "--moe-expert-capacity-factor 1.0"
if grep -q -- "--moe-expert-capacity-factor 1.0" train.log; then exit 1; fi
OLD_ARGS="--num-experts 8 --moe-expert-capacity-factor 1.0"
UNUSED=(
  --moe-expert-capacity-factor 1.0
)
ARGS="--num-experts 8 --moe-expert-capacity-factor 1.0"
ARGS="--num-experts 8 --moe-router-topk 2"
echo "args: $ARGS $OLD_ARGS"
python pretrain_gpt.py $ARGS
