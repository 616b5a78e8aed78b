"""The room without its plumbing: people send commands, the room decides, what happened is folded in.

Nothing here knows asyncio, HTTP, SQLite, a clock or chance. Time comes in as a `Moment`, chance as a ready-made value.

    commands.py   what people ask for            (imperative)
    events.py     what happened, and was numbered (past tense)
    state.py      a room and its members, and what may be seen of them
    permits.py    who may ask
    decide.py     RULES: command -> what happens; may refuse, may not write
    fold.py       apply(room, fact); may write, may not refuse
"""
