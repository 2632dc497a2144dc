"""What simpleeval makes of conditions: JSON lines `{"source", "scope"}` in, a JSON line each out.

`{"error"}` names the exception. Otherwise `holds` is the truth of the value, and either `value` is the value (tuples as
lists) or `unfit` says why JSON can't hold it. `beyond` names what happened on the way that the conditions of the server
refuse on purpose: the evaluation is the original's all the same.
"""

import ast
import json
import math
import sys
import warnings

import simpleeval

LARGEST = 2**127


class Unfit(Exception):
    """A value that JSON, or the server's JSON, can't hold."""


class Oracle(simpleeval.EvalWithCompoundTypes):
    """The evaluator, which notes results that are beyond the server's conditions."""

    def __init__(self, names):
        operators = {kind: self.watched(kind, function) for kind, function in simpleeval.DEFAULT_OPERATORS.items()}
        super().__init__(operators=operators, functions={}, names=names)
        self.beyond = set()

    def watched(self, kind, function):
        def call(*operands):
            result = function(*operands)
            if type(result) is int and not -LARGEST <= result < LARGEST:
                self.beyond.add("integer")
            if isinstance(result, complex):
                self.beyond.add("complex")
            if kind is ast.Mod and isinstance(operands[0], str):
                self.beyond.add("format")
            if kind is ast.BitOr and isinstance(operands[0], dict):
                self.beyond.add("merge")
            return result

        return call


def as_json(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise Unfit("integer")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unfit("float")
        return value
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise Unfit("key")
        return {key: as_json(item) for key, item in value.items()}
    raise Unfit(type(value).__name__)


def evaluate(source, scope):
    oracle = Oracle(scope)
    try:
        value = oracle.eval(source)
        reply = {"holds": bool(value), "beyond": sorted(oracle.beyond)}
    except Exception as error:  # Any exception is an error of the condition.
        return {"error": type(error).__name__}
    try:
        return reply | {"value": as_json(value)}
    except Unfit as unfit:
        return reply | {"unfit": str(unfit)}


def main():
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps(evaluate(case["source"], case["scope"])))


if __name__ == "__main__":
    main()
