"""`make bench`: the figures, as ratios within one run where a machine's speed would blur them."""

import asyncio

from bot.telemetry import configure_logging
from tests.bench import answers, desk, mail, message, model_trouble, slack, teams

if __name__ == "__main__":
    configure_logging("error")
    asyncio.run(message.main())
    asyncio.run(answers.main())
    asyncio.run(model_trouble.main())
    asyncio.run(desk.main())
    asyncio.run(mail.main())
    asyncio.run(slack.main())
    asyncio.run(teams.main())
