import deepspeed
from deepspeed.moe.layer import MoE


class Net(nn.Module):
    def __init__(self, args):
        self.first = MoE(
            hidden_size=84,
            expert=self.fc3,
            num_experts=8,
            ep_size=1,
        )
        self.second = MoE(hidden_size=84, expert=self.fc4, num_experts=8, k=2, drop_tokens=False,
                          top2_2nd_expert_sampling=False)
        self.third = MoE(hidden_size=84, expert=self.fc5, num_experts=8, k=2)
