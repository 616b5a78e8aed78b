// The house of the page: who may import whom, how long a module may be, and where the words for people are.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const { parse } = createRequire(new URL("../../.venv/node/", import.meta.url))("acorn"); // scripts/test.py puts it there
const HOME = fileURLToPath(new URL("../../static/", import.meta.url));
const MODULES = readdirSync(HOME, { recursive: true }).filter((name) => name.endsWith(".js"))
  .map((name) => name.replaceAll("\\", "/")).filter((name) => !name.startsWith("vendor/")).sort();
const text = (name) => readFileSync(join(HOME, name), "utf8");
const tree = (name) => parse(text(name), { ecmaVersion: "latest", sourceType: "module", locations: true });

/** Every node below this one, and this one; `into` may refuse to go deeper. */
function* walk(node, into = () => true) {
  yield node;
  if (!into(node)) return;
  for (const child of Object.values(node).flat()) if (typeof child?.type === "string") yield* walk(child, into);
}

/** What a module needs when it runs; types in comments are not among it. */
function imports(name) {
  const sources = [...walk(tree(name))].filter(({ source }) => source).map(({ source }) => source.value);
  return sources.map((source) => join(dirname(name), source).replaceAll("\\", "/"));
}

test("every module is type-checked and short enough to be read at one go", () => {
  const faults = MODULES.flatMap((name) => {
    const lines = text(name).trimEnd().split("\n");
    return [
      ...(text(name).startsWith("// @ts-check\n/**") ? [] : [`${name} must begin with // @ts-check and say what it is`]),
      ...(/@ts-(ignore|nocheck|expect-error)/.test(text(name)) ? [`${name} is not checked everywhere`] : []),
      ...(lines.length < 300 ? [] : [`${name} has ${lines.length} lines`]),
      ...lines.flatMap((line, at) => line.length > 120 ? [`${name}:${at + 1} is ${line.length} columns wide`] : []),
    ];
  });
  assert.deepEqual(faults, []);
});

test("imports are of our own files, and the view runs without the wire", () => {
  const WIRE = ["api.js", "connection.js", "session.js", "main.js", "identity.js", "calls.js", "peer.js"];
  for (const name of MODULES) {
    for (const other of imports(name)) assert.ok(MODULES.includes(other), `${name} imports ${other}`);
    if (!name.startsWith("view/")) continue;
    const wired = imports(name).filter((other) => WIRE.includes(other) && !mayKnow(name, other));
    assert.deepEqual(wired, [], `${name} knows the wire`);
  }
});

/** A form tells what the server refused from what is broken in the page. */
const mayKnow = (name, other) => other === "api.js" && /^\{ ApiError \}$/.test(namesFrom(name, "../api.js"));
const namesFrom = (name, source) => new RegExp(`import (.*) from "${source}"`).exec(text(name))?.[1];

test("nothing is made of strings: no markup, no code", () => {
  const banned = new Set(["innerHTML", "outerHTML", "insertAdjacentHTML", "eval", "Function", "setHTMLUnsafe"]);
  for (const name of MODULES) {
    const names = [...walk(tree(name))].filter(({ type }) => type === "Identifier");
    assert.deepEqual(names.filter((node) => banned.has(node.name)).map((node) => where(name, node)), []);
  }
});

test("words for people are in words/ and nowhere else", () => {
  const strays = MODULES.filter((name) => !name.startsWith("words/")).flatMap((name) => [
    ...sentences(name), ...[...walk(tree(name))].flatMap((node) => spoken(node).map((said) => where(name, said))),
  ]);
  assert.deepEqual(strays, []);
});

/** Strings that read like a sentence, in whatever place; what a developer is told may be one. */
function sentences(name) {
  const toDevelopers = ({ type, callee }) => type === "NewExpression" && /Error$/.test(callee.name)
    || type === "CallExpression" && (callee.object?.name === "console" || callee.type === "Super");
  return [...walk(tree(name), (node) => !toDevelopers(node))]
    .filter((node) => /\p{Script=Cyrillic}|^\p{Lu}\p{Ll}* \p{L}/u.test(said(node))).map((node) => where(name, node));
}

/** The literals that this node puts before somebody's eyes or ears. */
function spoken(node) {
  const SAID = ["aria-label", "title", "placeholder", "alt", "label", "textContent", "aria-roledescription"];
  if (node.type === "Property" && SAID.includes(node.key.name ?? node.key.value)) return literals(node.value);
  if (node.type === "AssignmentExpression" && SAID.includes(node.left.property?.name)) return literals(node.right);
  if (node.type !== "CallExpression") return [];
  const [, second, ...rest] = node.arguments;
  if (node.callee.name === "h") return rest.flatMap(literals);
  if (node.callee.name === "write") return literals(second);
  return node.callee.name === "set" && SAID.includes(second?.value) ? rest.flatMap(literals) : [];
}

/** Strings with letters in them that this expression may become; what goes into another call is that call's matter. */
function literals(expression) {
  if (!expression) return [];
  const opaque = ({ type, operator }) =>
    !["CallExpression", "MemberExpression", "ObjectExpression"].includes(type) && (operator ?? "+") === "+";
  const asked = expression.type === "ConditionalExpression" ? [expression.consequent, expression.alternate]
    : expression.type === "LogicalExpression" ? [expression.right] : [expression];
  return asked.flatMap((each) => each === expression ? [...walk(each, opaque)] : literals(each))
    .filter((node) => /\p{L}/u.test(said(node)));
}

const said = ({ type, value }) =>
  type === "Literal" && typeof value === "string" ? value : type === "TemplateElement" ? value.raw : "";
const where = (name, node) => `${name}:${node.loc.start.line} ${said(node) || node.name}`;
