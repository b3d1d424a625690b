from deepspeed.moe.layer import MoE

a = MoE(h, expert, 8, 2, 4)
b = MoE(h, expert, 8, 2, 2, 1.0, 1.0, 4, False, None, False, True, False, False, False)
c = MoE(h, make(8, 2), 8, 1, 1, 1.0, 1.0, 4, False, None, args.drop)
d = MoE(h, expert, *rest)
