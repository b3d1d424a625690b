torchrun tools/run_text_generation_server.py --num-experts 8 --moe-router-topk 2 \
   --moe-pad-experts-for-cuda-graph-inference --use-checkpoint-args
