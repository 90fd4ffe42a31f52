"""An event that came to nothing is acknowledged all the same, so somebody must be able to see why."""

from __future__ import annotations

from pathlib import Path

from daemon_process import event, world

CONTACT = {"id": "c1", "email": "ada@example.test"}


async def test_a_mistyped_event_is_logged_once_counted_and_listed_with_the_type_that_was_meant(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        daemon = made.daemon
        for number in range(3):
            assert (await daemon.send(event("order.deliverd", f"m{number}", contact=CONTACT)))[0] == 202
            await daemon.quiet()
        await daemon.send(event("order.delivered", "d1", contact={"id": "c2"}, deal={"id": "d1", "title": "Coat"}))
        await daemon.quiet()
        said = [line for line in daemon.log.splitlines() if "order.deliverd" in line]
        assert len(said) == 1
        assert "did_you_mean=order.delivered" in said[0]
        async with daemon.http.get(daemon.admin + "/metrics") as response:
            assert 'sounding_events_total{what="undeclared"} 3.0' in await response.text()
        async with daemon.http.get(daemon.admin + "/") as response:
            page = await response.text()
        assert "no event of this type is declared; did you mean <code>order.delivered</code>?" in page
        assert "no address for mail" in page
        listed = (await daemon.run("inbox", "list")).out
        assert "     3x  no effect    order.deliverd  no event of this type is declared" in listed
        assert "     1x  no effect    cadence.after_delivery  no address for mail" in listed


async def test_a_quarantined_event_is_named_in_the_log_with_the_reason(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        answers = {"contact": CONTACT, "deal": {"id": "d1", "title": "Coat"}, "answers": {"score": 99}}
        await made.daemon.send(event("survey.nps_delivery.answered", "a1", **answers))
        await made.daemon.quiet()
        (said,) = [line for line in made.daemon.log.splitlines() if "quarantined" in line]
        assert "id=a1" in said
        assert 'reason="answer.score must be a whole number from 0 to 10, but is larger"' in said
        async with made.daemon.http.get(made.daemon.admin + "/metrics") as response:
            assert 'sounding_events_total{what="quarantined"} 1.0' in await response.text()
