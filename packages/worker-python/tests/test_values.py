from __future__ import annotations

import json
import math
from typing import Any

import pytest

from durable_worker._values import UNDEFINED_TEXT, decode, encode
from durable_worker.errors import UndecodableValueError, UnserializableValueError

PLAIN: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**53 - 1,
    0.1,
    1e-320,
    -1.5e300,
    "",
    'é€😀\u0000\u2028"\\',
    "\ud800",
    [],
    {},
    [1, [2, [3, {"a": [None]}]]],
    {"": 1, "a.b": {"__proto__": 2, "constructor": None}},
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_json_comes_back_as_it_is(value: Any) -> None:
    text = encode(value, "it")
    text.encode("utf-8")
    back = decode(text)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [{"$date": 1}, {"$$": {"$a": []}}, {"$": "undefined"}], ids=repr)
def test_a_single_key_that_looks_like_a_tag_is_escaped(value: Any) -> None:
    assert decode(encode(value, "it")) == value
    (key,) = json.loads(encode(value, "it"))
    assert key.startswith("$$")


def test_an_object_of_several_keys_has_no_tag() -> None:
    assert encode({"$date": 1, "b": 2}, "it") == '{"$date":1,"b":2}'
    assert decode('{"$date":1,"b":{"$":"undefined"}}') == {"$date": 1}


def test_undefined_is_none_and_an_absent_member() -> None:
    assert decode(UNDEFINED_TEXT) is None
    assert decode('[1,{"$":"undefined"}]') == [1, None]
    assert decode('{"a":1,"b":{"$":"undefined"}}') == {"a": 1}
    assert decode('{"\\u0024":"undefined"}') is None


def test_the_numbers_that_json_lacks_are_read() -> None:
    assert decode('{"$":"Infinity"}') == math.inf
    assert decode('[{"$":"-Infinity"}]') == [-math.inf]
    assert math.isnan(decode('{"$":"NaN"}'))
    assert math.copysign(1, decode('{"$":"-0"}')) == -1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a":[{"$date":"2026-01-01T00:00:00.000Z"}]}', "$.a[0] is a value of kind '$date'"),
        ('{"$bigint":"1"}', "$ is a value of kind '$bigint'"),
        ('{"$":"nothing"}', "of kind '$'"),
        ('{"$":[]}', "of kind '$'"),
        ("[NaN]", "no JSON"),
        ("", "no JSON"),
        ("[1,]", "no JSON"),
        ("[" * 201 + "]" * 201, "deeper than 200"),
        ("[" * 1_000_000, "deeper than 200"),
    ],
)
def test_what_python_has_no_use_for_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UndecodableValueError) as caught:
        decode(text)
    assert problem in str(caught.value)


def loop() -> list[Any]:
    value: list[Any] = []
    value.append({"again": value})
    return value


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (object(), "$"),
        ({"items": [{}, {"when": 1j}]}, "$.items[1].when"),
        ({"a b": {1, 2}}, '$["a b"]'),
        ([b"x"], "$[0]"),
        ([math.nan], "$[0]"),
        ({"n": -math.inf}, "$.n"),
        ({"n": 2**53}, "$.n"),
        ({"n": {1: 2}}, "$.n"),
        (loop(), "$[0].again"),
    ],
    ids=repr,
)
def test_what_is_no_json_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(UnserializableValueError) as caught:
        encode(value, "The output")
    assert caught.value.fields == {"field": "The output", "path": path}
    assert f"The output cannot be sent: {path} " in str(caught.value)


def test_depth_is_limited_on_both_sides_alike() -> None:
    assert decode(encode(nested(200), "it")) == nested(200)
    with pytest.raises(UnserializableValueError, match="deeper than 200"):
        encode(nested(201), "it")


def test_a_value_that_is_there_twice_is_sent_twice() -> None:
    part = {"a": 1}
    assert encode([part, part], "it") == '[{"a":1},{"a":1}]'
