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

    dossier.py     all that there is of one person
    compaction.py  away with the last traces of the erased

    archive.py     a database read from outside, room by room, beside the server that writes it
    backup.py      all of a folder in another one, as it was at one moment
    restore.py     what the first start from a backup does
    findings.py    what is wrong with a folder
"""
