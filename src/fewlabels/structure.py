"""Build dataclasses from JSON values, strictly: a value of the wrong type is an error and is not converted."""

from collections.abc import Callable
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin

import cattrs
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn

T = TypeVar("T")
_PRIMITIVES = {str, int, float, bool, NoneType}


def structure(data: Any, kind: type[T]) -> T:
    """Build an object of a dataclass from what :func:`dataclasses.asdict` and JSON made of one.

    Fields with a default may be missing, and unknown keys are ignored.

    Raises:
        ValueError: if the data have another shape, or the dataclass itself refuses them.
    """
    try:
        return _converter().structure(data, kind)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, BaseValidationError) as error:
        raise ValueError(f"not the data of a {kind.__name__}: {error!r}") from error


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(str, _only(str))
    converter.register_structure_hook(bool, _only(bool))
    converter.register_structure_hook(int, _only(int))
    converter.register_structure_hook(float, lambda value, kind: float(_only(int, float)(value, kind)))
    converter.register_structure_hook_func(_is_union_of_primitives, _one_of_union)
    converter.register_structure_hook_factory(is_dataclass, _dataclass_hook)
    converter.register_structure_hook_factory(lambda kind: get_origin(kind) is list, _list_hook)
    return converter


def _only(*types: type) -> Callable[[Any, Any], Any]:
    """Return a hook that accepts values of these types; a bool is not an int."""

    def check(value: Any, kind: Any) -> Any:
        if type(value) not in types:
            raise TypeError(f"{value!r} is not of type {kind}")
        return value

    return check


def _is_union_of_primitives(kind: Any) -> bool:
    return isinstance(kind, UnionType) and set(get_args(kind)) <= _PRIMITIVES and len(get_args(kind)) > 2


def _one_of_union(value: Any, kind: Any) -> Any:
    return _only(*get_args(kind))(value, kind)


def _dataclass_hook(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    inner = make_dict_structure_fn(kind, converter, _cattrs_detailed_validation=False)
    return lambda value, _: inner(_only(dict)(value, kind), kind)


def _list_hook(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], list[Any]]:
    (element,) = get_args(kind)

    def build(value: Any, _: Any) -> list[Any]:
        return [converter.structure(part, element) for part in _only(list)(value, kind)]

    return build
