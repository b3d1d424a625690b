from deepspeed.moe.layer import MoE

layer = MoE(args.hidden, expert, num_experts=args.experts, k=args.top_k, drop_tokens=args.drop)
