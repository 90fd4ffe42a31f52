"""The guard against requests into private networks (SSRF): it judges the address that is about to be connected to.

A name is judged inside the resolver whose answer the connection uses, so a name that changes its address between a check
and its use (DNS rebinding) gains nothing. A literal address never reaches a resolver and is judged in the URL.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_NAT64 = IPv6Network("64:ff9b::/96")


class RefusedAddressError(Exception):
    """The address must not be connected to. The message names no address: it would map the network to whoever reads it."""


def check_address(address: str, *, allow_private: bool) -> None:
    """Raises RefusedAddressError unless ``address`` is a public one, or a private or loopback one that is allowed.

    Link-local, multicast, unspecified and reserved addresses are never allowed: no desk lives there, but a cloud's
    metadata service does.
    """
    try:
        ip = _real(ip_address(address))
    except ValueError:
        raise RefusedAddressError("not an address in its usual form") from None
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or (ip.is_reserved and not ip.is_loopback):
        raise RefusedAddressError("a link-local, multicast, unspecified or reserved address")
    # `is_global` is asked too: the shared range 100.64.0.0/10 is neither private nor global.
    inside = ip.is_private or not ip.is_global or (isinstance(ip, IPv6Address) and ip.is_site_local)
    if inside and not allow_private:
        raise RefusedAddressError("a private or loopback address; set `allow_private: true` if that is meant")


def check_host(host: str, *, allow_private: bool) -> None:
    """Judges a URL's host where it is a literal address; a name is left to the resolver.

    Digits and dots alone (``2130706433``, ``127.1``) are no name either: a system may read them as an address.
    """
    if ":" in host or host.replace(".", "").isdigit():
        check_address(host, allow_private=allow_private)


class GuardedResolver(AbstractResolver):
    """A resolver that refuses a name as soon as one of its addresses is refused.

    One is enough: a name of the outside world has no business pointing inside, not even in part.
    """

    def __init__(self, *, allow_private: bool, inner: AbstractResolver | None = None) -> None:
        self._allow_private = allow_private
        # The threaded one reads /etc/hosts and the system's configuration, as every other program does.
        self._inner = inner if inner is not None else ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """The addresses of ``host``; raises RefusedAddressError, or OSError where the name has none."""
        try:
            found = await self._inner.resolve(host, port, family)
        except UnicodeError:  # a label of more than 63 characters
            raise OSError("not a host name") from None
        for one in found:
            check_address(one["host"], allow_private=self._allow_private)
        return found

    async def close(self) -> None:
        await self._inner.close()


def _real(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one wraps (mapped, 6to4, NAT64), since that is where the packets go."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
