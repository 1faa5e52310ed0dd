// Fails when the committed artifacts are not what the sources give.

import { readFileSync } from 'node:fs';
import { artifactPath, build } from './artifacts.mjs';

let built;
try {
  built = build();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

const stale = [];
for (const [name, text] of built) {
  let committed;
  try {
    committed = readFileSync(artifactPath(name), 'utf8').replaceAll('\r\n', '\n');
  } catch {
    stale.push(`artifacts/${name}.json is missing`);
    continue;
  }
  if (committed === text) continue;
  let differing = ['not JSON'];
  try {
    const [was, is] = [JSON.parse(committed), JSON.parse(text)];
    differing = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
      (key) => JSON.stringify(was[key]) !== JSON.stringify(is[key]),
    );
  } catch {
    // Said already.
  }
  stale.push(`artifacts/${name}.json differs from a fresh build: ${differing.join(', ') || 'layout'}`);
}

if (stale.length > 0) {
  console.error(`${stale.join('\n')}\nRun \`npm run export\` in contracts/ and commit what it writes.`);
  process.exit(1);
}
console.log('artifacts are what the sources give');
