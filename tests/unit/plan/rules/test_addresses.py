"""Addresses and prefixes as the server reads them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.rules.addresses import Prefix, address_of, prefix_of, written

networks = st.builds(
    lambda address, length: ipaddress.ip_interface((address, length)), st.integers(0, 2**32 - 1), st.integers(0, 32)
)


@given(networks)
def test_prefixes_are_those_of_the_standard_library(interface: ipaddress.IPv4Interface) -> None:
    """The first and the last address, and the one as written."""
    net = interface.network
    prefix = Prefix(int(net.network_address), int(net.broadcast_address), net.prefixlen, int(interface.ip))

    assert prefix_of(str(interface)) == prefix
    assert address_of(str(interface.ip)) == int(interface.ip)
    assert written(prefix.first, prefix.last) == str(net)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("10.0.0.0", id="no length"),
        pytest.param("10.0.0.0/33", id="too long"),
        pytest.param("10.0.0.256/24", id="no octet"),
        pytest.param("10.0.0/24", id="three octets"),
        pytest.param("10.0.0.0/255.255.255.0", id="dotted mask"),
        pytest.param("10.0.0.01/24", id="octal"),
        pytest.param("10.0.0.0/08", id="leading zero"),
        pytest.param(" 10.0.0.0/8", id="blank"),
        pytest.param("10.0.0.0/8\n", id="line break"),
        pytest.param("\u0661\u0660.0.0.0/8", id="digits of another script"),
        pytest.param("fd00::/64", id="IPv6"),
    ],
)
def test_what_the_server_does_not_take_is_no_prefix(text: str) -> None:
    """Not even where the standard library would."""
    assert prefix_of(text) is None


@pytest.mark.parametrize("text", ["", "10.0.0.0/32", "10.0.0.300", "10.0.0.01", "10.0.0.1 "])
def test_what_the_server_does_not_take_is_no_address(text: str) -> None:
    """Leading zeros, blanks and lengths."""
    assert address_of(text) is None
