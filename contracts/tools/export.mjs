// Writes artifacts/*.json, which are committed: the Rust side is built without npm and forge.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { artifactPath, build } from './artifacts.mjs';

for (const [name, text] of build()) {
  const file = artifactPath(name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(`artifacts/${name}.json`);
}
