"""The main job, through the front door: ask, be answered with sources, or be handed to a person."""

from tests.conftest import Launch


async def test_a_question_the_help_centre_answers_is_answered_with_its_source(launch: Launch) -> None:
    chat = await (await launch()).chat()
    [reply] = await chat.say("How do I return an article?")
    assert reply["author"] == "bot"
    assert "[1]" in reply["text"]
    assert reply["citations"][0]["source"] == "returns-and-refunds.md"


async def test_an_answer_of_several_sentences_is_streamed_even_without_a_model(launch: Launch) -> None:
    client = await launch()
    chat = await client.chat()
    [hello] = await chat.say("Hello")
    async with chat.socket(after=hello["id"]) as socket:
        await chat.post("How do I return an article?")
        frames = [await socket.receive_json(timeout=30)]
        while frames[-1].get("message", {}).get("author") != "bot":
            frames.append(await socket.receive_json(timeout=30))
    partial = [frame["text"] for frame in frames if frame["type"] == "partial"]
    assert partial, [frame["type"] for frame in frames]
    assert all(frames[-1]["message"]["text"].startswith(text) for text in partial)


async def test_who_asks_for_a_person_gets_one_and_the_answer_comes_back(launch: Launch) -> None:
    client = await launch()
    chat, ada = await client.chat(), await client.operator("Ada")
    [line] = await chat.say("I want to talk to a person")
    assert line["author"] == "system"
    [case] = await ada.cases()
    assert case["reason"] == "customer_asked"
    assert (await ada.act(case["id"], "claim")).status == 200
    assert (await ada.act(case["id"], "reply", "Ada here. What happened?")).status == 200
    said = await chat.read()
    assert [m["author"] for m in said] == ["customer", "system", "system", "operator"]
    assert said[-1]["name"] == "Ada"
