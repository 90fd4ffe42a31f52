"""Literals of the kinds that have a fixed shape: a country, language, e-mail address, phone number, time zone; a number, a date."""

from __future__ import annotations

import datetime as dt
import math
import re
import zoneinfo
from email.utils import parseaddr
from functools import cache

# ISO 3166-1 alpha-2 (2024) and ISO 639-1.
COUNTRIES = frozenset(
    (
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD "
        "CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF "
        "GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
        "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA "
        "NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI "
        "SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
        "VN VU WF WS XK YE YT ZA ZM ZW"
    ).split()
)
LANGUAGES = frozenset(
    (
        "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es "
        "et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj "
        "kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv "
        "ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti "
        "tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
    ).split()
)
# ISO 4217 (2025), without the codes for metals, tests and units of account, and with those that were withdrawn lately.
CURRENCIES = frozenset(
    (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP "
        "CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR "
        "ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
        "MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
        "SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR "
        "ZMW ZWG"
    ).split()
)
_LANGUAGE = re.compile(r"([a-z]{2,3})(-[A-Za-z0-9]{2,8})*")
_EMAIL = re.compile(r"[^@\s\x00-\x1f<>,;]{1,64}@[^@\s\x00-\x1f<>,;]{1,255}")
_PHONE = re.compile(r"\+[1-9][0-9]{5,14}")

_DECIMAL = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")


def is_language(text: str) -> bool:
    """A BCP 47 tag whose language is one of ISO 639-1, or has three letters."""
    found = _LANGUAGE.fullmatch(text)
    return found is not None and (len(found[1]) == 3 or found[1] in LANGUAGES)


def is_mailbox(text: str) -> bool:
    """An address, with or without a name before it: `Acme <cx@acme.test>`."""
    name, address = parseaddr(text)
    return _EMAIL.fullmatch(address) is not None and (not name or text.rstrip().endswith(">"))


def is_timezone(text: str) -> bool:
    return text in _timezones()


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def is_decimal(text: str) -> bool:
    """A finite number in decimal digits."""
    return _DECIMAL.fullmatch(text) is not None and math.isfinite(float(text))


def is_instant(text: str, kind: str) -> bool:
    """A `date` as 2026-03-02, or a `datetime` with its offset as 2026-03-02T09:00:00Z."""
    try:
        if kind == "date":
            return dt.date.fromisoformat(text).isoformat() == text
        return dt.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def wrong_literal(kind: str, text: str) -> tuple[str, frozenset[str]] | None:
    """What is wrong with ``text`` as a ``kind`` of text, and the names that would be right; None where it fits."""
    match kind:
        case "country" if text not in COUNTRIES:
            return f'"{text}" is no country code (ISO 3166, two capitals)', COUNTRIES
        case "language" if not is_language(text):
            return f'"{text}" is no language code (ISO 639-1, as `ru`, `uk`, `en`)', LANGUAGES
        case "email" if not _EMAIL.fullmatch(text):
            return f'"{text}" is no e-mail address', frozenset()
        case "phone" if not _PHONE.fullmatch(text):
            return f'"{text}" is no phone number in international form (`+` and digits)', frozenset()
        case "timezone" if not is_timezone(text):
            return f'"{text}" is no time zone of the IANA database', _timezones()
    return None
