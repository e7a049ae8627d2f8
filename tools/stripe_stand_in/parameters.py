"""Reads form-encoded requests and checks them against the SDK's own parameter types.

The types come with the installed SDK, so a parameter that the pinned API version doesn't know is
refused here on the day the SDK drops it.
"""

import re
import sys
from decimal import Decimal, InvalidOperation
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin
from urllib.parse import parse_qsl

import stripe
import typing_extensions

from tools.stripe_stand_in.refusals import Refusal

KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decode(form: str) -> dict[str, Any]:
    """Turn `a[0][b]=1` into a tree of dicts; positions stay keys, since only types tell lists."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        match = KEY.fullmatch(name)
        if not match:
            raise unknown(name)
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        _place(tree, path, value, name)
    return tree


def _place(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    branch = tree
    for step in path[:-1]:
        branch = branch.setdefault(_position(branch, step), {})
        if not isinstance(branch, dict):
            raise Refusal(f"Invalid request: {name} is both a value and an object", param=name)
    branch[_position(branch, path[-1])] = value


def _position(branch: dict[str, Any], step: str) -> str:
    return step or str(len(branch))


def checked(types: type, tree: dict[str, Any]) -> dict[str, Any]:
    """The tree with real integers, booleans and lists, or the Refusal that Stripe would send."""
    return _object(types, tree, "")


@cache
def _hints(types: type) -> dict[str, Any]:
    # A request's TypedDict inherits the SDK's own call options (api_key, idempotency_key …).
    # They travel as headers, and their annotations need names of the module they came from.
    options = sys.modules[stripe.RequestOptions.__module__]
    names = {**vars(options), "StripeContext": object}
    hints = typing_extensions.get_type_hints(types, localns=names, include_extras=True)
    if "stripe_version" in hints:
        return {k: v for k, v in hints.items() if k not in stripe.RequestOptions.__annotations__}
    return hints


def _object(types: type, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal("Invalid object", param=path)
    hints = _hints(types)
    for name in value:
        if name not in hints:
            raise unknown(_inside(path, name))
    for name, kind in hints.items():
        if name not in value and _is_required(types, name, kind):
            raise missing(_inside(path, name))
    return {name: _value(hints[name], value[name], _inside(path, name)) for name in value}


def _is_required(types: type, name: str, kind: Any) -> bool:
    if get_origin(kind) in (Required, NotRequired):
        return get_origin(kind) is Required
    return name in types.__required_keys__  # type: ignore[attr-defined]


def _inside(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _value(kind: Any, value: Any, path: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (NotRequired, Required):
        return _value(arguments[0], value, path)
    if origin in (Union, UnionType):
        return _one_of(arguments, value, path)
    if origin is Literal:
        return _word(arguments, value, path)
    if origin is list:
        return _list(arguments[0], value, path)
    if origin is dict or (isinstance(origin, type) and issubclass(origin, stripe.StripeObject)):
        return _words(value, path)
    if typing_extensions.is_typeddict(kind):
        return _object(kind, value, path)
    return _scalar(kind, value, path)


def _one_of(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    # `Literal[...] | str` is how the SDK writes a list of words that may grow. A caller may be
    # newer than the SDK; this API is exactly as old as the SDK, so a word outside is refused.
    words = [kind for kind in kinds if get_origin(kind) is Literal and get_args(kind) != ("",)]
    rest = [kind for kind in kinds if kind is not NoneType and not (words and kind is str)]
    refusals = []
    for kind in rest:
        try:
            return _value(kind, value, path)
        except Refusal as refusal:
            refusals.append(refusal)
    raise refusals[-1]


def _word(words: tuple[str, ...], value: Any, path: str) -> str:
    if value in words and isinstance(value, str):
        return value
    choices = ", ".join(words)
    raise Refusal(f"Invalid {path}: must be one of {choices}", param=path)


def _list(kind: Any, value: Any, path: str) -> list[Any]:
    if not isinstance(value, dict) or not all(key.isdigit() for key in value):
        raise Refusal("Invalid array", param=path)
    ordered = sorted(value.items(), key=lambda item: int(item[0]))
    return [_value(kind, item, f"{path}[{index}]") for index, (_, item) in enumerate(ordered)]


def _words(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Refusal("Invalid object", param=path)
    return {key: _scalar(str, item, _inside(path, key)) for key, item in value.items()}


def _scalar(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise Refusal(f"Invalid string: {value}", param=path)
    if kind is str:
        return value
    if not value:
        raise Refusal(
            f"You passed an empty string for '{path}'.", code="parameter_invalid_empty", param=path
        )
    if kind is int and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if kind is int:
        message = f"Invalid integer: {value}"
        raise Refusal(message, code="parameter_invalid_integer", param=path)
    if kind is bool and value in ("true", "false"):
        return value == "true"
    if kind in (Decimal, float):
        return _decimal(value, path)
    raise Refusal(f"Invalid {kind.__name__}: {value}", param=path)


def _decimal(value: str, path: str) -> str:
    try:
        Decimal(value)
    except InvalidOperation as error:
        raise Refusal(f"Invalid decimal: {value}", param=path) from error
    return value


def unknown(param: str) -> Refusal:
    """The refusal of a parameter that this API version doesn't have."""
    message = f"Received unknown parameter: {param}"
    return Refusal(message, code="parameter_unknown", param=param)


def missing(param: str) -> Refusal:
    """The refusal of a request that lacks a parameter."""
    return Refusal(f"Missing required param: {param}.", code="parameter_missing", param=param)
