"""What the overview shows of what customers said."""

from __future__ import annotations

from pathlib import Path

from daemon_process import World, delivered, token_in, world


async def page(made: World) -> str:
    async with made.daemon.http.get(made.daemon.admin + "/") as response:
        return await response.text()


async def test_a_score_is_shown_from_the_fifth_answer_on(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        assert "no data" in await page(made)
        await made.daemon.send(*(delivered(number) for number in range(5)))
        await made.daemon.quiet()
        tokens = [token_in(message) for message in made.mail.messages]
        for number, token in enumerate(tokens):
            assert token is not None
            assert await made.daemon.answer(token, 3) == 200
            shown = await page(made)
            assert ("fewer than 5" in shown) is (number < 4)
            assert ("detractor" in shown) is (number == 4)
        assert "-100.0" in shown
