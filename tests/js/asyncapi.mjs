// @ts-check
/** What @asyncapi/parser has to say about the document in this file, as JSON. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Parser } = createRequire(new URL("../../.venv/node/", import.meta.url))("@asyncapi/parser"); // scripts/test.py
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const said = diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path }));
console.log(JSON.stringify({ parsed: document !== undefined, said }));
