"""Objects of the data contract, and the names that they are known by."""

from __future__ import annotations

from collections.abc import Iterable

from orjson import loads

from engine.model.events import Record
from engine.store.sqlite.rows import Rows, chunks, dumps, marks


class ObjectRows(Rows):
    def aliases(self, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        found: dict[tuple[str, str], str] = {}
        by_kind: dict[str, list[str]] = {}
        for kind, value in names:
            by_kind.setdefault(kind, []).append(value)
        for kind, values in by_kind.items():
            for some in chunks(dict.fromkeys(values)):
                rows = self.db.execute(f"SELECT value, key FROM alias WHERE kind = ? AND value IN ({marks(some)})", (kind, *some))
                found.update({(kind, value): key for value, key in rows})
        return found

    def contact_ids(self, keys: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for some in chunks(dict.fromkeys(keys)):
            rows = self.db.execute(
                "SELECT key, substr(kind, length('contact@') + 1), value FROM alias"
                f" WHERE kind >= 'contact@' AND kind < 'contactA' AND key IN ({marks(some)}) ORDER BY kind, value",
                some,
            )
            for key, source, id_ in rows:
                found.setdefault(key, []).append((source, id_))
        return found

    def add_aliases(self, rows: Iterable[tuple[str, str, str]]) -> None:
        self.db.executemany("INSERT INTO alias (kind, value, key) VALUES (?,?,?) ON CONFLICT DO NOTHING", list(rows))

    def records(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Record]:
        found: dict[tuple[str, str], Record] = {}
        by_kind: dict[str, list[str]] = {}
        for kind, key in wanted:
            by_kind.setdefault(kind, []).append(key)
        for kind, keys in by_kind.items():
            for some in chunks(dict.fromkeys(keys)):
                rows = self.db.execute(
                    f"SELECT key, part, source, id, data, times, links FROM object WHERE kind = ? AND key IN ({marks(some)})", (kind, *some)
                )
                for key, part, source, id_, data, times, links in rows:
                    found[kind, key] = Record(
                        kind=kind,
                        key=key,
                        part=part,
                        source=source,
                        id=id_,
                        data=loads(data),
                        times=loads(times),
                        links=loads(links),
                    )
        return found

    def save_records(self, records: Iterable[Record]) -> None:
        self.db.executemany(
            "INSERT INTO object (part, kind, key, source, id, data, times, links) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT (kind, key) DO UPDATE SET data = excluded.data, times = excluded.times, links = excluded.links",
            [(r.part, r.kind, r.key, r.source, r.id, dumps(r.data), dumps(r.times), dumps(r.links)) for r in records],
        )
