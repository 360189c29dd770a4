"""Ports: their names, types and speeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.fabric import NetBoxPolicy
from reconciler.plan.projection.port_types import breakout, cage_type, kbps
from reconciler.plan.projection.switch_profiles import Layout, Profile
from tests.unit.plan.projecting import PROFILE, connection, declared, fields, keys, leaf, link, projected, unbundled

if TYPE_CHECKING:
    from reconciler.model.json import JSON

ALL_PORTS = NetBoxPolicy("dc1", has_all_ports=True)
SERVER = declared("Server", "server-01")
DELL = declared("SwitchProfile", "dell", PROFILE)


@pytest.mark.parametrize(
    ("port_profile", "expected"),
    [
        ("SFP28-25G", "25gbase-x-sfp28"),
        ("SFP28-10G", "10gbase-x-sfpp"),
        ("QSFP28-100G", "100gbase-x-qsfp28"),
        ("QSFP28-100G-nb", "100gbase-x-qsfp28"),
        ("QSFPDD-400G", "400gbase-x-qsfpdd"),
        ("QSFP56DD-400G", "400gbase-x-qsfpdd"),
        ("OSFP-2x400G", "800gbase-x-osfp"),
        ("OSFP-800G", "800gbase-x-osfp"),
        ("RJ45-1G", "1000base-t"),
        ("RJ45-2.5G", "2.5gbase-t"),
        ("RJ45-10G", "10gbase-t"),
        ("ABC-1T", "other"),
        ("", "other"),
    ],
)
def test_cage_type(port_profile: str, expected: str) -> None:
    """A port profile is a type of NetBox; one that is not known is any."""
    assert cage_type(port_profile) == expected


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        ("25G", 25_000_000),
        ("2.5G", 2_500_000),
        ("100M", 100_000),
        ("SPEED_100G", 100_000_000),
        ("fast", None),
        ("", None),
    ],
)
def test_kbps(speed: str, expected: int | None) -> None:
    """NetBox counts speeds in kbit/s."""
    assert kbps(speed) == expected


@pytest.mark.parametrize(
    ("mode", "lanes", "speed", "lane_type"),
    [
        ("4x25G", 4, "25G", "25gbase-x-sfp28"),
        ("4x10G", 4, "10G", "10gbase-x-sfpp"),
        ("2x400G", 2, "400G", "400gbase-x-osfp"),
        ("4x1G", 4, "1G", "1000base-x-sfp"),
        ("2x7G", 2, "7G", "other"),
    ],
)
def test_breakout(mode: str, lanes: int, speed: str, lane_type: str) -> None:
    """A breakout is lanes of a speed, and each lane has a type of its own."""
    split = breakout(mode)

    assert split == (lanes, speed)
    assert split is not None
    assert split.lane_type == lane_type


@pytest.mark.parametrize("mode", ["", "4x", "0x25G", "25G", "4x25G "])
def test_no_breakout(mode: str) -> None:
    """What is no breakout splits nothing."""
    assert breakout(mode) is None


@pytest.mark.parametrize(
    ("spec", "port", "expected"),
    [
        pytest.param({}, "E1/1/1", ("25gbase-x-sfp28", None), id="the group's profile"),
        pytest.param({"portGroupSpeeds": {"1": "10G"}}, "E1/1/1", ("25gbase-x-sfp28", 10_000_000), id="group speed"),
        pytest.param({"portGroupSpeeds": {"1": "10G"}}, "E1/3/1", ("25gbase-x-sfp28", None), id="no group"),
        pytest.param({"portSpeeds": {"E1/3": "25G"}}, "E1/3/1", ("25gbase-x-sfp28", 25_000_000), id="speed"),
        pytest.param(
            {"portSpeeds": {"E1/1": "25G"}, "portGroupSpeeds": {"1": "10G"}},
            "E1/1/1",
            ("25gbase-x-sfp28", 25_000_000),
            id="a port's own speed",
        ),
        pytest.param({}, "E1/49/1", ("100gbase-x-qsfp28", None), id="not split"),
        pytest.param({"portBreakouts": {"E1/49": "4x25G"}}, "E1/49/3", ("25gbase-x-sfp28", 25_000_000), id="lane"),
        pytest.param({"portBreakouts": {"E1/49": "1x40G"}}, "E1/49/1", ("100gbase-x-qsfp28", 40_000_000), id="one"),
        pytest.param({}, "E1/51/2", ("400gbase-x-osfp", None), id="split from the factory"),
        pytest.param({"portBreakouts": {"E1/51": "1x400G"}}, "E1/51/1", ("800gbase-x-osfp", 400_000_000), id="joined"),
        pytest.param({"portBreakouts": {"E1/9": "4x25G"}}, "E1/9/1", ("25gbase-x-sfp28", 25_000_000), id="no profile"),
        pytest.param({"portSpeeds": 7, "portBreakouts": []}, "E1/9/1", ("other", None), id="malformed"),
        pytest.param({}, "eth0", ("other", None), id="another name"),
    ],
)
def test_kind_of_port(spec: dict[str, JSON], port: str, expected: tuple[str, int | None]) -> None:
    """The type is that of the port's profile or of its lanes, the speed the one that was chosen."""
    assert Layout(Profile.of(PROFILE), spec).kind_of(port) == expected


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        pytest.param({}, Profile(), id="empty"),
        pytest.param({"displayName": 7, "nosType": [], "ports": [], "portGroups": 1}, Profile(), id="malformed"),
        pytest.param({"displayName": " Dell\n", "nosType": "sonic"}, Profile("Dell", "sonic"), id="names"),
    ],
)
def test_profile(profile: dict[str, JSON], expected: Profile) -> None:
    """What cannot be read of a profile is as good as absent."""
    assert Profile.of(profile) == expected


def test_used_ports() -> None:
    """A switch shows its management port, its loopback, and the ports of its connections."""
    objects = (DELL, leaf("leaf-01", profile="dell"), SERVER)
    projection = projected(*objects, unbundled("c", "server-01/eth0", "leaf-01/E1/3"))

    assert keys(projection, "dcim/interfaces") == [
        "Server/server-01#eth0",
        "Switch/leaf-01#E1/3/1",
        "Switch/leaf-01#Loopback0",
        "Switch/leaf-01#M1",
    ]


def test_all_ports() -> None:
    """Where all ports are asked for, they are those of the profile, split as they are."""
    switch = leaf("leaf-01", profile="dell", portBreakouts={"E1/50": "4x25G"})
    projection = projected(DELL, switch, leaf("leaf-02"), policy=ALL_PORTS)
    names = [fields(projection, "dcim/interfaces", key)["name"] for key in keys(projection, "dcim/interfaces")]

    lanes = ["E1/50/1", "E1/50/2", "E1/50/3", "E1/50/4", "E1/51/1", "E1/51/2"]
    assert names == ["E1/1", "E1/2", "E1/3", "E1/49", *lanes, "Loopback0", "M1", "Loopback0", "M1"]


def test_two_spellings_of_one_port() -> None:
    """A port that two objects write differently is one interface, with the first of both names."""
    objects = (DELL, leaf("leaf-01", profile="dell"), SERVER)
    used = unbundled("c", "server-01/eth0", "leaf-01/E1/3/1")

    assert fields(projected(*objects, used), "dcim/interfaces", "Switch/leaf-01#E1/3/1")["name"] == "E1/3/1"
    both = projected(*objects, used, policy=ALL_PORTS)
    assert fields(both, "dcim/interfaces", "Switch/leaf-01#E1/3/1")["name"] == "E1/3"


def test_names_of_a_server_are_its_own() -> None:
    """A server's port may be called like one that can break out."""
    projection = projected(leaf("leaf-01"), SERVER, unbundled("c", "server-01/E1/4", "leaf-01/E1/4"))

    assert keys(projection, "dcim/cables") == ["Connection/c#leaf-01/E1/4/1--server-01/E1/4"]
    assert fields(projection, "dcim/interfaces", "Server/server-01#E1/4")["name"] == "E1/4"


def test_long_port_name() -> None:
    """A name that NetBox cannot hold is shortened; the key has all of it."""
    name = "e" * 80
    projection = projected(leaf("leaf-01"), SERVER, unbundled("c", f"server-01/{name}", "leaf-01/E1/4"))

    assert len(str(fields(projection, "dcim/interfaces", f"Server/server-01#{name}")["name"])) == 64


def test_a_server_has_the_types_of_its_peers() -> None:
    """A server's port has the type of the port that it is plugged into, and no speed."""
    links = [link(server=f"server-01/eth{port}", switch=f"leaf-01/E1/{port}") for port in (3, 49)]
    switch = leaf("leaf-01", profile="dell", portSpeeds={"E1/3": "10G"})
    projection = projected(DELL, switch, SERVER, connection("c", "bundled", *links))

    ports = [fields(projection, "dcim/interfaces", f"Server/server-01#eth{port}") for port in (3, 49)]
    assert [(port["type"], port["speed"]) for port in ports] == [("25gbase-x-sfp28", None), ("100gbase-x-qsfp28", None)]
