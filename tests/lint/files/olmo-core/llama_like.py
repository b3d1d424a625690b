from olmo_core.nn.transformer import TransformerConfig

dropping = TransformerConfig.llama_like_moe(
    d_model=2048, vocab_size=50304, n_layers=16, n_heads=16, num_experts=64, top_k=8, expert_hidden_size=1024
)
dropless = TransformerConfig.llama_like_moe(
    d_model=2048, vocab_size=50304, n_layers=16, n_heads=16, num_experts=64, top_k=8, expert_hidden_size=1024, dropless=True
)
