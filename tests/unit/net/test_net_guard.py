"""Which addresses may be connected to."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from engine.net.guard import GuardedResolver, RefusedAddressError, check_address, check_host

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
INSIDE = ["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fc00::1", "fec0::1"]
INSIDE += ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"]
NEVER = ["169.254.169.254", "fe80::1", "fe80::1%lo", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "0.0.0.0", "::"]
NEVER += ["224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1", "4000::1"]
ODD = ["2130706433", "127.1", "127.0.0.1.", "0177.0.0.1", "1.2.3.4.5", ":"]


class Answering(AbstractResolver):
    """A resolver with the answers of a test, one list a question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self.answers.pop(0)
        ]

    async def close(self) -> None:
        self.answers.clear()


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_open(address: str) -> None:
    check_address(address, allow_private=False)


@pytest.mark.parametrize("address", INSIDE)
def test_an_inside_address_opens_on_request_only(address: str) -> None:
    with pytest.raises(RefusedAddressError, match="allow_private"):
        check_address(address, allow_private=False)
    check_address(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("allow_private", [False, True])
def test_a_link_local_multicast_or_reserved_address_never_opens(address: str, allow_private: bool) -> None:
    with pytest.raises(RefusedAddressError):
        check_address(address, allow_private=allow_private)


@pytest.mark.parametrize("host", [*ODD, *INSIDE, *NEVER])
def test_a_literal_host_is_judged_and_an_odd_spelling_refused(host: str) -> None:
    with pytest.raises(RefusedAddressError):
        check_host(host, allow_private=False)


@pytest.mark.parametrize("host", ["desk.test", "localhost", "10.desk.test", "0x7f000001"])
def test_a_name_is_left_to_the_resolver(host: str) -> None:
    check_host(host, allow_private=False)


async def test_one_inside_address_refuses_the_name() -> None:
    resolver = GuardedResolver(allow_private=False, inner=Answering(["93.184.216.34", "10.0.0.1"]))
    with pytest.raises(RefusedAddressError):
        await resolver.resolve("desk.test")


async def test_a_name_is_judged_anew_at_every_resolution() -> None:
    resolver = GuardedResolver(allow_private=False, inner=Answering(["93.184.216.34"], ["127.0.0.1"]))
    assert [found["host"] for found in await resolver.resolve("desk.test")] == ["93.184.216.34"]
    with pytest.raises(RefusedAddressError):
        await resolver.resolve("desk.test")


async def test_a_name_too_long_for_dns_is_an_unknown_name() -> None:
    resolver = GuardedResolver(allow_private=False)
    with pytest.raises(OSError, match="host name"):
        await resolver.resolve("x" * 64 + ".test")
    await resolver.close()
