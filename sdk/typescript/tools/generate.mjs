// Makes the SDK's types from the server's OpenAPI document, and keeps a copy of the document beside them.
//
//   npm run generate                         from TOLLBOOK_URL when it is set, else from the committed openapi.json
//   npm run generate -- http://127.0.0.1:8400/openapi.json
//   npm run generate -- path/to/openapi.json
//   npm run generate -- --check              fails when the committed types are not those of the committed document
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const DOCUMENT = fileURLToPath(new URL("../openapi.json", import.meta.url));
const TYPES = fileURLToPath(new URL("../sdk/src/schema.ts", import.meta.url));
const HEAD = "// Made by `npm run generate` from openapi.json. Do not edit.\n\n";

const [given] = process.argv.slice(2);
const isCheck = given === "--check";
const source =
  isCheck || (!given && !process.env.TOLLBOOK_URL)
    ? DOCUMENT
    : (given ?? `${process.env.TOLLBOOK_URL.replace(/\/+$/, "")}/openapi.json`);

async function read(from) {
  if (!/^https?:/.test(from)) return readFile(from, "utf8");
  const response = await fetch(from);
  if (!response.ok) throw new Error(`${from} answered ${response.status}`);
  return response.text();
}

const document = JSON.parse(await read(source));
if (typeof document.openapi !== "string") throw new Error(`${source} is no OpenAPI document`);
// A field with a default may be left out of a request.
const types = HEAD + astToString(await openapiTS(document, { defaultNonNullable: false, alphabetize: true }));

if (isCheck) {
  if ((await readFile(TYPES, "utf8")) !== types) {
    throw new Error("sdk/src/schema.ts is not made from openapi.json: run npm run generate");
  }
} else {
  await writeFile(DOCUMENT, `${JSON.stringify(document, null, 2)}\n`);
  await writeFile(TYPES, types);
  console.log(`${Object.keys(document.paths).length} paths from ${source}`);
}
