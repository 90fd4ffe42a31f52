"""Writes the demo feed: events.jsonl, bitrix24_hooks.txt and bitrix24_items.json. Every run writes the same bytes.

Nobody in here exists: names are common ones, addresses are in the domains reserved for examples.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

Json = dict[str, Any]

SEED = 20261115
HERE = Path(__file__).parent
FIRST_DAY = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
DAYS = 14  # the last event is on 2026-11-15, so that two days behind it are past on any later day
PORTAL = "demo.bitrix24.test"
PORTAL_ZONE = dt.timezone(dt.timedelta(hours=3))

# First and last name as the person writes them, and the same in Latin letters for the address.
RUSSIAN = """
Анна Смирнова/anna.smirnova Иван Кузнецов/ivan.kuznetsov Мария Попова/maria.popova Дмитрий Соколов/dmitry.sokolov
Елена Лебедева/elena.lebedeva Сергей Козлов/sergey.kozlov Ольга Новикова/olga.novikova Алексей Морозов/alexey.morozov
Наталья Волкова/natalia.volkova Андрей Зайцев/andrey.zaytsev Татьяна Павлова/tatiana.pavlova Михаил Семёнов/mikhail.semenov
Ирина Голубева/irina.golubeva Павел Виноградов/pavel.vinogradov Светлана Орлова/svetlana.orlova Никита Андреев/nikita.andreev
Юлия Макарова/yulia.makarova Роман Захаров/roman.zakharov Екатерина Белова/ekaterina.belova Максим Тарасов/maxim.tarasov
Дарья Комарова/daria.komarova Артём Киселёв/artem.kiselev Вера Ильина/vera.ilina Глеб Титов/gleb.titov
Ксения Фомина/ksenia.fomina Олег Давыдов/oleg.davydov Полина Жукова/polina.zhukova Георгий Крылов/georgy.krylov
Алина Сафина/alina.safina Тимур Галиев/timur.galiev Людмила Сорокина/ludmila.sorokina Виктор Беляев/viktor.belyaev
Софья Миронова/sofia.mironova Кирилл Блинов/kirill.blinov Лариса Гусева/larisa.guseva Денис Ершов/denis.ershov
"""
UKRAINIAN = """
Оксана Шевченко/oksana.shevchenko Андрій Бондаренко/andrii.bondarenko Олена Коваленко/olena.kovalenko Тарас Мельник/taras.melnyk
Наталія Ткаченко/nataliia.tkachenko Богдан Кравченко/bohdan.kravchenko Ірина Олійник/iryna.oliinyk Юрій Лисенко/yurii.lysenko
Катерина Савченко/kateryna.savchenko Михайло Руденко/mykhailo.rudenko Соломія Гнатюк/solomiia.hnatiuk Остап Мороз/ostap.moroz
Леся Павленко/lesia.pavlenko Володимир Харченко/volodymyr.kharchenko Дарина Поліщук/daryna.polishchuk Назар Приходько/nazar.prykhodko
Марта Климчук/marta.klymchuk Сергій Бойко/serhii.boiko Зоряна Федорів/zoriana.fedoriv Роман Левченко/roman.levchenko
Ганна Дяченко/hanna.diachenko Ярослав Костюк/yaroslav.kostiuk Ніна Василенко/nina.vasylenko Дмитро Яценко/dmytro.yatsenko
"""
ENGLISH = """
Emma Clarke/emma.clarke Oliver Hughes/oliver.hughes Sophie Turner/sophie.turner James Walsh/james.walsh
Grace Bennett/grace.bennett Liam Murphy/liam.murphy Chloe Foster/chloe.foster Daniel Reid/daniel.reid
Hannah Price/hannah.price Noah Sullivan/noah.sullivan Amelia Barnes/amelia.barnes Thomas Ward/thomas.ward
Ruby Fletcher/ruby.fletcher Samuel Brooks/samuel.brooks Isla Morgan/isla.morgan Ethan Doyle/ethan.doyle
Zoe Harper/zoe.harper Adam Lowe/adam.lowe Lucy Marsh/lucy.marsh Peter Nolan/peter.nolan
"""
DOMAINS = ("example.com", "example.com", "example.org", "post.example", "letters.example")
COUNTRIES = {"ru": ("RU", "RU", "RU", "KZ", "AM"), "uk": ("UA", "UA", "UA", "PL"), "en": ("GB", "GB", "IE", "CY")}
ZONES = {
    "RU": "Europe/Moscow",
    "KZ": "Asia/Almaty",
    "AM": "Asia/Yerevan",
    "UA": "Europe/Kyiv",
    "PL": "Europe/Warsaw",
    "GB": "Europe/London",
    "IE": "Europe/Dublin",
    "CY": "Asia/Nicosia",
}

# Category, price in roubles, title by language.
GOODS: tuple[tuple[str, int, dict[str, str]], ...] = (
    ("coats", 12900, {"ru": "Пальто «Нева»", "uk": "Пальто «Нева»", "en": "Neva coat"}),
    ("coats", 9900, {"ru": "Куртка «Север»", "uk": "Куртка «Північ»", "en": "North jacket"}),
    ("knitwear", 4590, {"ru": "Свитер из мериноса", "uk": "Светр із мериноса", "en": "Merino sweater"}),
    ("knitwear", 1890, {"ru": "Шерстяной шарф", "uk": "Вовняний шарф", "en": "Wool scarf"}),
    ("dresses", 6490, {"ru": "Платье «Осень»", "uk": "Сукня «Осінь»", "en": "Autumn dress"}),
    ("shirts", 3290, {"ru": "Льняная рубашка", "uk": "Лляна сорочка", "en": "Linen shirt"}),
    ("shirts", 1490, {"ru": "Хлопковая футболка", "uk": "Бавовняна футболка", "en": "Cotton T-shirt"}),
    ("jeans", 5390, {"ru": "Прямые джинсы", "uk": "Прямі джинси", "en": "Straight jeans"}),
    ("shoes", 8790, {"ru": "Кожаные ботинки", "uk": "Шкіряні черевики", "en": "Leather boots"}),
    ("shoes", 4990, {"ru": "Кроссовки «Ритм»", "uk": "Кросівки «Ритм»", "en": "Rhythm trainers"}),
    ("bags", 3890, {"ru": "Городской рюкзак", "uk": "Міський рюкзак", "en": "City backpack"}),
    ("accessories", 1290, {"ru": "Кожаный ремень", "uk": "Шкіряний ремінь", "en": "Leather belt"}),
)
WAREHOUSES = ("north", "south", "east", "west", None)
MANAGERS = ("Ольга Рябова", "Илья Носов", "Марина Коваль", "Kate Dawson")
AGENTS = ("Антон Лапин", "Вера Чернова", "Ігор Ткач", "Megan Shaw", None)

# Kind of request, subject by language.
REQUESTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("delivery", {"ru": "Где мой заказ?", "uk": "Де моє замовлення?", "en": "Where is my order?"}),
    ("delivery", {"ru": "Перенести доставку", "uk": "Перенести доставку", "en": "Move my delivery to another day"}),
    ("return", {"ru": "Возврат: не подошёл размер", "uk": "Повернення: не підійшов розмір", "en": "Return: the size does not fit"}),
    ("return", {"ru": "Когда вернут деньги?", "uk": "Коли повернуть гроші?", "en": "When will I get my refund?"}),
    ("payment", {"ru": "Оплата не прошла", "uk": "Оплата не пройшла", "en": "My payment did not go through"}),
    ("payment", {"ru": "Нужен чек", "uk": "Потрібен чек", "en": "I need a receipt"}),
    ("product", {"ru": "Вопрос о составе ткани", "uk": "Питання про склад тканини", "en": "What is the fabric made of?"}),
    ("product", {"ru": "Брак: разошёлся шов", "uk": "Брак: розійшовся шов", "en": "Faulty: a seam has come apart"}),
    ("account", {"ru": "Не могу войти в кабинет", "uk": "Не можу увійти до кабінету", "en": "I cannot sign in to my account"}),
)
SECTIONS = ("catalogue", "delivery_terms", "size_guide", "account")

COMPANIES = ("Северный ветер", "Мастерская «Лад»", "Кавоварня «Ранок»", "Типографія «Аркуш»", "Harbour Books", "Oak & Thread")
# Stage, its meaning (S success, F failure, P in progress), how many deals of the sixty-odd hooks are there.
STAGES = (
    ("WON", "S", 20),
    ("C1:WON", "S", 10),
    ("PREPARATION", "P", 4),
    ("C1:EXECUTING", "P", 3),
    ("LOSE", "F", 4),
    ("C1:LOSE", "F", 1),
)
CURRENCIES = {"RU": "RUB", "KZ": "KZT", "AM": "AMD", "UA": "UAH", "PL": "PLN", "GB": "GBP", "IE": "EUR", "CY": "EUR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    number: int
    name: str | None
    email: str | None
    language: str
    country: str
    tier: str | None
    employee: bool
    opted_out: bool
    last_purchase: dt.date | None

    def contact(self) -> Json:
        """The contact as the shop and the desk send it: what they do not know is not there."""
        known: Json = {"id": f"c-{self.number}", "name": self.name, "email": self.email, "language": self.language}
        known |= {"country": self.country, "timezone": ZONES[self.country], "tier": self.tier}
        known |= {"employee": self.employee, "opted_out": self.opted_out}
        known["last_purchase"] = self.last_purchase.isoformat() if self.last_purchase else None
        return {name: value for name, value in known.items() if value is not None}


def people(rng: random.Random) -> list[Person]:
    """Everyone in the feed. Of every twenty one is on the staff, one has opted out, and a few are known only in part."""
    listed = [
        (language, *entry.rsplit("/", 1))
        for language, text in (("ru", RUSSIAN), ("uk", UKRAINIAN), ("en", ENGLISH))
        for entry in _entries(text)
    ]
    rng.shuffle(listed)
    found = []
    for place, (language, name, mailbox) in enumerate(listed):
        employee, opted_out = place % 20 == 7, place % 20 == 13
        found.append(
            Person(
                number=101 + place,
                name=None if place % 25 == 4 else name,
                email=None if place % 40 == 18 else f"{mailbox}@{'staff.example' if employee else rng.choice(DOMAINS)}",
                language=language,
                country=rng.choice(COUNTRIES[language]),
                tier=None if place % 11 == 3 else "vip" if rng.random() < 0.18 else "standard",
                employee=employee,
                opted_out=opted_out,
                last_purchase=None if place % 4 == 1 else (FIRST_DAY - dt.timedelta(days=rng.randrange(1, 300))).date(),
            )
        )
    return found


def _entries(text: str) -> Iterator[str]:
    """`First Last/mailbox` for each person in the text."""
    words = text.split()
    return (f"{first} {rest}" for first, rest in zip(words[::2], words[1::2], strict=True))


def moment(rng: random.Random, first_hour: int, last_hour: int) -> dt.datetime:
    """A time of day between two hours (UTC), on one of the days."""
    seconds = rng.randrange(first_hour * 3600, last_hour * 3600)
    return FIRST_DAY + dt.timedelta(days=rng.randrange(DAYS), seconds=seconds)


def utc(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def event(kind: str, name: str, source: str, at: dt.datetime, data: Json) -> Json:
    return {
        "specversion": "1.0",
        "id": name,
        "source": source,
        "type": kind,
        "time": utc(at),
        "datacontenttype": "application/json",
        "data": data,
    }


def order(rng: random.Random, number: int, person: Person, stage: str) -> Json:
    """A deal as the shop sends it."""
    product, price, titles = rng.choice(GOODS)
    return {
        "id": f"order-{number}",
        "title": titles[person.language],
        "amount": price,
        "manager": rng.choice(MANAGERS),
        "product": product,
        "stage": stage,
    }


def events(rng: random.Random, everyone: Sequence[Person]) -> list[Json]:
    """Deliveries, closed tickets, and some new orders and visits, in the order of time; some come twice."""
    found: list[Json] = []
    for number in range(5001, 5106):
        person = rng.choice(everyone)
        data: Json = {"contact": person.contact(), "deal": order(rng, number, person, "delivered")}
        warehouse = rng.choice(WAREHOUSES)
        if warehouse is not None:
            data["warehouse"] = warehouse
        found.append(event("order.delivered", f"order-{number}-delivered", "/demo/shop", moment(rng, 6, 18), data))
    for number in range(7001, 7066):
        person = rng.choice(everyone)
        kind, subjects = rng.choice(REQUESTS)
        ticket: Json = {"id": f"ticket-{number}", "subject": subjects[person.language], "kind": kind}
        agent = rng.choice(AGENTS)
        if agent is not None:
            ticket["agent"] = agent
        if number % 30 == 0:
            ticket |= {"subject": "SEO promotion of your site", "kind": "spam"}
        data = {"contact": person.contact(), "ticket": ticket}
        found.append(event("ticket.closed", f"ticket-{number}-closed", "/demo/desk", moment(rng, 7, 17), data))
    newcomers = [person for person in everyone if person.last_purchase is None]
    for number in range(5201, 5219):
        person = rng.choice(newcomers)
        data = {"contact": person.contact(), "deal": order(rng, number, person, "placed")}
        found.append(event("order.placed", f"order-{number}-placed", "/demo/shop", moment(rng, 5, 20), data))
    for number in range(9001, 9011):
        data = {"contact": rng.choice(everyone).contact(), "section": rng.choice(SECTIONS)}
        found.append(event("site.visit_ended", f"visit-{number}", "/demo/site", moment(rng, 5, 20), data))
    found.sort(key=lambda one: (str(one["time"]), str(one["id"])))
    # The sender heard no answer and sent again: the same source and id, a little later in the stream.
    for place in sorted(rng.sample(range(len(found) - 10), 7), reverse=True):
        found.insert(place + rng.randrange(1, 10), found[place])
    return found


def portal_time(at: dt.datetime) -> str:
    return at.astimezone(PORTAL_ZONE).isoformat(timespec="seconds")


def item(kind: int, number: int, created: dt.datetime, updated: dt.datetime, manager: int, own: Json) -> Json:
    """What every CRM item has, and its own fields behind."""
    return {
        "id": number,
        "createdTime": portal_time(created),
        "updatedTime": portal_time(updated),
        "createdBy": manager,
        "updatedBy": manager,
        "assignedById": manager,
        "opened": "Y",
        **own,
        "lastActivityBy": manager,
        "lastActivityTime": portal_time(updated),
        "utmSource": None,
        "utmMedium": None,
        "utmCampaign": None,
        "utmContent": None,
        "utmTerm": None,
        "observers": [],
        "entityTypeId": kind,
    }


def crm_contact(rng: random.Random, person: Person, number: int, company: int) -> Json:
    first, last = person.name.split(" ", 1) if person.name else (None, None)
    created = FIRST_DAY - dt.timedelta(days=rng.randrange(20, 500), minutes=rng.randrange(600))
    bought = dt.datetime.combine(person.last_purchase, dt.time(), PORTAL_ZONE) if person.last_purchase else None
    own: Json = {
        "honorific": None,
        "name": first,
        "secondName": None,
        "lastName": last,
        "post": None,
        "typeId": "CLIENT",
        "sourceId": rng.choice(("WEB", "CALL", "RECOMMENDATION")),
        "companyId": company,
        "companyIds": [company] if company else [],
        "hasPhone": "N",
        "hasEmail": "Y" if person.email else "N",
        "hasImol": "N",
        "fm": [{"id": 4 * number, "valueType": "WORK", "value": person.email, "typeId": "EMAIL"}] if person.email else [],
        "ufCrmLanguage": person.language,
        "ufCrmCountry": person.country,
        "ufCrmTier": person.tier,
        "ufCrmEmployee": "Y" if person.employee else "N",
        "ufCrmOptedOut": "Y" if person.opted_out else "N",
        "ufCrmLastPurchase": portal_time(bought) if bought else None,
        "ufCrmNps": None,
        "ufCrmNpsDate": None,
        "ufCrmCsat": None,
    }
    return item(3, number, created, created + dt.timedelta(days=3), 1 + number % 4, own)


def crm_company(rng: random.Random, title: str, number: int) -> Json:
    created = FIRST_DAY - dt.timedelta(days=rng.randrange(100, 700), minutes=rng.randrange(600))
    own: Json = {
        "title": title,
        "typeId": "CUSTOMER",
        "industry": rng.choice(("MANUFACTURING", "TRADE", "SERVICES")),
        "employees": rng.choice(("EMPLOYEES_1", "EMPLOYEES_2")),
        "hasPhone": "N",
        "hasEmail": "N",
        "hasImol": "N",
        "isMyCompany": "N",
        "fm": [],
    }
    return item(4, number, created, created, 1 + number % 4, own)


def crm_deal(rng: random.Random, number: int, stage: str, meaning: str, contact: Json | None, person: Person) -> Json:
    product, price, titles = rng.choice(GOODS)
    moved = moment(rng, 6, 16)
    # A manager often adds a note after the deal is closed: an update that moves nothing.
    updated = moved + dt.timedelta(minutes=rng.choice((0, 0, 0, 7, 45)), seconds=rng.randrange(2))
    pieces = rng.choice((1, 1, 1, 10, 25))
    own: Json = {
        "title": titles[person.language] if pieces == 1 else f"{titles[person.language]} × {pieces}",
        "typeId": "SALE",
        "categoryId": 1 if stage.startswith("C1:") else 0,
        "stageId": stage,
        "stageSemanticId": meaning,
        "previousStageId": "C1:PREPARATION" if stage.startswith("C1:") else "PREPARATION",
        "movedBy": 1 + number % 4,
        "movedTime": portal_time(moved),
        "closed": "N" if meaning == "P" else "Y",
        "closedate": portal_time(moved.replace(hour=0, minute=0, second=0)),
        "begindate": portal_time(moved.replace(hour=0, minute=0, second=0) - dt.timedelta(days=9)),
        "opportunity": 0 if number % 17 == 0 else price * pieces,
        "isManualOpportunity": "Y",
        "taxValue": 0,
        "currencyId": CURRENCIES[person.country],
        "companyId": contact["companyId"] if contact else 401,
        "contactId": contact["id"] if contact else 0,
        "contactIds": [contact["id"]] if contact else [],
        "probability": None,
        "isNew": "N",
        "isRecurring": "N",
        "isReturnCustomer": "Y" if person.last_purchase else "N",
        "sourceId": rng.choice(("WEB", "CALL", "STORE")),
        "comments": None,
        "ufCrmProduct": product,
        "ufCrmNps": None,
        "ufCrmCsat": None,
        "ufCrmCes": None,
    }
    created = moved - dt.timedelta(days=rng.randrange(2, 20), minutes=rng.randrange(300))
    return item(2, number, created, updated, 1 + number % 4, own)


def crm(rng: random.Random, everyone: Sequence[Person]) -> tuple[dict[str, Json], list[str]]:
    """The items of the CRM, and the hooks that tell of its deals."""
    companies = [crm_company(rng, title, 401 + place) for place, title in enumerate(COMPANIES)]
    # A third of the shop's customers are in the CRM too, under another id but with the same address.
    known = sorted(rng.sample(everyone, 28), key=lambda person: person.number)
    contacts = [
        crm_contact(rng, person, 301 + place, 401 + place // 4 % len(companies) if place % 4 == 0 else 0)
        for place, person in enumerate(known)
    ]
    stages = [(stage, meaning) for stage, meaning, count in STAGES for _ in range(count)]
    rng.shuffle(stages)
    deals = []
    for place, (stage, meaning) in enumerate(stages):
        chosen = rng.randrange(len(known))
        contact = None if place % 20 == 11 else contacts[chosen]  # now and then nobody is named in a deal
        deals.append(crm_deal(rng, 101 + place, stage, meaning, contact, known[chosen]))

    told = [(dt.datetime.fromisoformat(deal["updatedTime"]), deal["id"]) for deal in deals]
    # A hook comes with every change, and the deal had some on its way; fetched now, it is as it stands at the end.
    told += [
        (dt.datetime.fromisoformat(deal["movedTime"]) - dt.timedelta(minutes=rng.randrange(5, 900)), deal["id"])
        for deal in rng.sample(deals, 18)
    ]
    hooks = [hook(number, at) for at, number in sorted(told)]
    return {f"{one['entityTypeId']}:{one['id']}": one for one in (*deals, *contacts, *companies)}, hooks


def hook(deal: int, at: dt.datetime) -> str:
    """The form that an outgoing webhook of Bitrix24 posts."""
    return urlencode(
        {
            "event": "ONCRMDEALUPDATE",
            "event_handler_id": "31",
            "data[FIELDS][ID]": deal,
            "ts": int(at.timestamp()),
            "auth[domain]": PORTAL,
            "auth[client_endpoint]": f"https://{PORTAL}/rest/",
            "auth[server_endpoint]": "https://oauth.bitrix24.test/rest/",
            "auth[member_id]": "de300000000000000000000000000001",
            "auth[application_token]": "demo-bitrix24-token",
        }
    )


def main() -> None:
    rng = random.Random(SEED)
    everyone = people(rng)
    stream = events(rng, everyone)
    items, hooks = crm(rng, everyone)
    write("events.jsonl", "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in stream))
    write("bitrix24_hooks.txt", "".join(line + "\n" for line in hooks))
    write("bitrix24_items.json", json.dumps(items, ensure_ascii=False, indent=1) + "\n")


def write(name: str, text: str) -> None:
    (HERE / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
