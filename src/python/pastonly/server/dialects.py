"""How servers are asked about their prompts, and where in their answers it stands.

Looked at: vLLM 0.32.0 (entrypoints/openai/completion, v1/engine/output_processor.py), SGLang 0.5.23 (srt/managers/io_struct.py,
tokenizer_manager.py, scheduler_components/batch_result_processor.py, state_capturer/routed_experts.py).

One token is generated beside the prompt and thrown away. What is said at a token is what was foreseen after the one before it;
what was foreseen after the last stands at the generated one. Both engines tell routes of all tokens but the last that exists,
which was not run yet: with the generated one, of the whole prompt.
"""
from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..trace import ModelError
from . import routes

LIKELIEST = 4  # the largest probabilities after every position: they do not depend on the token that follows


class Answer(NamedTuple):
    """What was said of one prompt of S tokens."""

    told: List[float]              # (S): ln p of each token, NaN for the first
    likeliest: List[List[float]]   # (S, LIKELIEST): the largest ln p after each token
    routes: Optional[np.ndarray]   # (S, layers, k): expert ids; None where the server tells none


class Dialect(NamedTuple):
    name: str
    path: str
    body: Callable[[str, List[List[int]]], Dict[str, Any]]   # of a model's name and prompts
    choices: Callable[[Any], Any]                            # of the whole answer: what is said of each prompt
    read: Callable[[dict, List[int]], Optional[Answer]]      # of one choice; None where the server does not speak this way

    def answers(self, told: Any, prompts: List[List[int]]) -> Optional[List[Answer]]:
        """Of each prompt, in their order; None where the server does not speak this way."""
        listed = self.choices(told)
        if listed is None:
            return None
        if not isinstance(listed, list) or len(listed) != len(prompts) or not all(isinstance(one, dict) for one in listed):
            count = len(listed) if isinstance(listed, list) else "no"
            raise ModelError(f"{self.path}: {count} choices for {len(prompts)} prompts")
        ordered = sorted(listed, key=lambda one: one.get("index", 0))
        found = [self.read(choice, prompt) for choice, prompt in zip(ordered, prompts)]
        return None if any(answer is None for answer in found) else found


def _of_object(told: Any) -> Any:
    return told.get("choices", ()) if isinstance(told, dict) else None


def _of_list(told: Any) -> Any:
    return told if isinstance(told, list) else None


def _completions(more: Dict[str, Any]) -> Callable[[str, List[List[int]]], Dict[str, Any]]:
    return lambda model, prompts: {"model": model, "prompt": prompts, "max_tokens": 1, "temperature": 0, "logprobs": LIKELIEST,
                                   **more}


def _generate(model: str, prompts: List[List[int]]) -> Dict[str, Any]:
    # From the first token on, nothing of a prompt is taken from the cache of prefixes.
    return {"input_ids": prompts, "sampling_params": {"max_new_tokens": 1, "temperature": 0, "ignore_eos": True},
            "return_logprob": True, "logprob_start_len": 0, "top_logprobs_num": LIKELIEST, "return_routed_experts": True}


def _read_prompt_logprobs(choice: dict, prompt: List[int]) -> Optional[Answer]:
    """vLLM: `prompt_logprobs` holds {id: {"logprob": x}} of every token but the first; the token itself and the likeliest."""
    told = choice.get("prompt_logprobs")
    if not isinstance(told, list):
        return None
    after = [[*entry.values()] if isinstance(entry, dict) else [] for entry in told[1:len(prompt)] + _listed(choice)[:1]]
    own = [entry.get(str(token)) if isinstance(entry, dict) else None for entry, token in zip(told, prompt)]
    return _answer(own, after, routes.npy(choice.get("routed_experts")), prompt)


def _read_echo(choice: dict, prompt: List[int]) -> Optional[Answer]:
    """`logprobs` of the prompt and the generated token: `token_logprobs`, and `top_logprobs` {text: x}."""
    logprobs = choice.get("logprobs")
    told = logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None
    if not isinstance(told, list) or len(told) < len(prompt):
        return None
    after = [[*entry.values()] if isinstance(entry, dict) else [] for entry in _listed(choice)[1:len(prompt) + 1]]
    return _answer(told[:len(prompt)], after, routes.npy(choice.get("routed_experts")), prompt)


def _read_generate(result: dict, prompt: List[int]) -> Optional[Answer]:
    """SGLang: lists of [ln p, id, text], `input_*` of the prompt, null at its first token, and `output_*` of the next."""
    said = result.get("meta_info")
    if not isinstance(said, dict) or not isinstance(said.get("input_token_logprobs"), list):
        return None
    own = [_first(entry) for entry in said["input_token_logprobs"]]
    ids = [entry[1] if isinstance(entry, list) and len(entry) > 1 else None for entry in said["input_token_logprobs"]]
    # The last id of the vocabulary is told as 0.
    if any(id not in (None, 0, token) for id, token in zip(ids, prompt)):
        raise ModelError("input_token_logprobs are of other tokens than those that were sent")
    ranked = (said.get("input_top_logprobs") or [])[1:] + (said.get("output_top_logprobs") or [])[:1]
    after = [[_first(one) for one in entry] if isinstance(entry, list) else [] for entry in ranked]
    return _answer(own, after, routes.int32(said.get("routed_experts"), len(prompt) + 1), prompt)


def _answer(own: Sequence[Any], after: List[List[Any]], routed: Optional[np.ndarray], prompt: List[int]) -> Answer:
    values = [_number(value) for value in own]
    if len(values) != len(prompt) or any(math.isnan(value) or value > 1e-3 for value in values[1:]):
        raise ModelError(f"a prompt of {len(prompt)} tokens, and {len(values)} log-probabilities of which some are missing or "
                         "above 0")
    likeliest = [sorted(map(_number, entry), reverse=True)[:LIKELIEST] for entry in after]
    if len(likeliest) != len(prompt) or any(len(entry) < LIKELIEST or math.isnan(sum(entry)) for entry in likeliest):
        raise ModelError(f"{LIKELIEST} log-probabilities were asked for after every token of a prompt, and not given everywhere")
    return Answer([math.nan, *values[1:]], likeliest, None if routed is None else routes.of_prompt(routed, len(prompt)))


def _listed(choice: dict) -> list:
    logprobs = choice.get("logprobs")
    return (logprobs.get("top_logprobs") or []) if isinstance(logprobs, dict) else []


def _first(entry: Any) -> Any:
    return entry[0] if isinstance(entry, list) and entry else None


def _number(value: Any) -> float:
    value = value.get("logprob") if isinstance(value, dict) else value
    return float(value) if isinstance(value, (int, float)) else math.nan


# The first that a server speaks is taken. SGLang echoes too, and tells no routes there: it is asked its own way before.
DIALECTS: Tuple[Dialect, ...] = (
    Dialect("prompt_logprobs", "/v1/completions", _completions({"prompt_logprobs": LIKELIEST}), _of_object,
            _read_prompt_logprobs),
    Dialect("generate", "/generate", _generate, _of_list, _read_generate),
    Dialect("echo", "/v1/completions", _completions({"echo": True}), _of_object, _read_echo))
