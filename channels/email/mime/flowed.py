"""Plain text as a person wrote it: lines that a mailer wrapped are joined again (format=flowed, RFC 3676).

`mime.py` calls `join` for parts that say `format=flowed`.
"""


def join(text: str, *, delete_space: bool = False) -> str:
    """Join the flowed lines of `text` and undo its space-stuffing. Quoted lines keep their marks.

    `delete_space` is the parameter DelSp=yes: the space that marks a soft break is no part of the words.
    """
    done: list[list[str]] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        words = line[depth:].removeprefix(" ")
        signature = words == "-- "
        flows = words.endswith(" ") and not signature
        kept = words[:-1] if flows and delete_space else words
        if open_depth == depth and not signature:
            done[-1].append(kept)
        else:
            done.append([">" * depth, " " if depth and words else "", kept])
        open_depth = depth if flows else None
    return "\n".join("".join(pieces) for pieces in done)
