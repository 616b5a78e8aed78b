"""What outlives the process: one SQLite database in one folder, with the folder's lock and secret.

Nothing here knows a room's rules, an actor or a request. Lines and cards come in, are made durable and found again.

    folder.py      one process owns the folder; the secret that signs tokens
    schema.py      the tables, version by version; is this database ours, and sound?
    connection.py  one SQLite connection and its thread
    trouble.py     what SQLite's errors mean: refuse, or stop
    wal.py         from the log into the database file
    writer.py      everything that waits, in one commit
    sweep.py       what is deleted in small steps
    database.py    all of that, opened and closed in order

    journal.py     what happened in the rooms            (implements axenix.lines.Journal)
    catalogue.py   which rooms there are
    people.py      who there is
    foreign.py     whom people of another site are here
    outbox.py      what a webhook has yet to be told
"""
