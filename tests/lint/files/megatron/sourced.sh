# For scripts that source it.
MOE_ARGS="--num-experts 8 --moe-expert-capacity-factor 1.0"
