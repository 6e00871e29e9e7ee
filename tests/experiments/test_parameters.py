"""What the notebooks' parameter checks let through, and what they say."""

import re

import pytest

from r3d_rs.experiments import parameters


def test_names_of_ipython_and_imported_things_are_no_parameters():
    namespace = {"point": "RS-50", "seed": 0, "In": [""], "Out": {}, "_": 1, "_i1": ""}
    namespace |= {"parameters": parameters, "exit": object()}
    parameters.reject_unknown(namespace, ("point", "seed"))


def test_every_unknown_parameter_is_named_with_its_value():
    message = (
        "received sede = 1, pont = 'RS-50'; this notebook's parameters are point, seed"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        parameters.reject_unknown(
            {"seed": 0, "sede": 1, "pont": "RS-50"}, ("point", "seed")
        )


@pytest.mark.parametrize(
    ("value", "kind", "options"),
    [
        ("a", str, {"allowed": ["a"]}),
        (0, int, {"minimum": 0}),
        (1, float, {}),
        (9, int, {"minimum": 0, "maximum": 9}),
    ],
)
def test_a_good_value_is_returned(value, kind, options):
    assert parameters.check("name", value, kind, **options) == value


@pytest.mark.parametrize(
    ("value", "kind", "options", "message"),
    [
        ("0", int, {}, "parameter seed: received '0' (str), expected an int"),
        (True, int, {}, "parameter seed: received True (bool), expected an int"),
        (1.5, int, {}, "parameter seed: received 1.5 (float), expected an int"),
        (3, str, {}, "parameter seed: received 3 (int), expected a str"),
        (-1, int, {"minimum": 0}, "received -1, allowed is 0 or more"),
        (10, int, {"minimum": 0, "maximum": 9}, "received 10, allowed is 0 to 9"),
        (float("nan"), float, {"minimum": 0}, "received nan, allowed is 0 or more"),
        (float("inf"), float, {"minimum": 0}, "allowed is 0 or more, but finite"),
        ("c", str, {"allowed": ("a", "b")}, "received 'c', allowed are a, b"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(value, kind, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parameters.check("seed", value, kind, **options)
