"""python -m pastonly.server URL --vocab N

Answers the C++ program (pastonly audit --exec) with a model behind a server, as it is served: vLLM, SGLang, or any that echoes.
"""
from __future__ import annotations

import argparse
import sys

from ..protocol import ProtocolError, serve
from ..trace import ModelError
from .model import Server
from .transport import KEYS


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pastonly.server", description=__doc__.split("\n\n")[1],
                                     epilog=f"A key is read from {' or '.join(KEYS)}, and appears nowhere.")
    parser.add_argument("url", help="http://HOST:PORT")
    parser.add_argument("--vocab", type=int, required=True, help="size of the vocabulary: token ids below it are sent")
    parser.add_argument("--model", help="as the server calls it; not needed where it serves one")
    parser.add_argument("--experts", type=int, metavar="N", help="experts of a layer: routes that the server tells are then read")
    parser.add_argument("--top-k", type=int, metavar="K", help="experts that a token takes; SGLang needs it beside --experts")
    parser.add_argument("--alone", action="store_true", help="every prompt is a request of its own, not one of a batch")
    parser.add_argument("--in-flight", type=int, default=1, metavar="N", help="with --alone: so many at a time (default: 1)")
    parser.add_argument("--patience", type=float, default=300.0, metavar="SECONDS", help="for one request (default: 300)")
    parser.add_argument("--requests", type=int, default=100_000, metavar="N", help="the most that are sent (default: 100000)")
    asked = parser.parse_args(arguments)
    try:
        serve(Server(asked.url, vocab=asked.vocab, model=asked.model, experts=asked.experts, top_k=asked.top_k,
                     company=not asked.alone, in_flight=asked.in_flight, patience=asked.patience, requests=asked.requests))
    except (ModelError, ProtocolError, ValueError, KeyError) as error:
        print(f"pastonly.server: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
