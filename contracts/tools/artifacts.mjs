// What export.mjs and check.mjs share: building from scratch, and the shape of the committed artifacts.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const contracts = ['SessionKeyValidator', 'TestUSDC'];

export function artifactPath(name) {
  return path.join(root, 'artifacts', `${name}.json`);
}

/// What the bytecode comes from, in one number: settings, the versions of compiler and library, sources.
function sourceHash() {
  const text = (file) => readFileSync(path.join(root, file), 'utf8').replaceAll('\r\n', '\n');
  const settings = text('foundry.toml')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join('\n');
  const { devDependencies } = JSON.parse(text('package.json'));
  const versions = ['solc', '@openzeppelin/contracts'].map((name) => `${name} ${devDependencies[name]}`).join('\n');
  const sources = readdirSync(path.join(root, 'src'), { recursive: true })
    .filter((file) => file.endsWith('.sol'))
    .map((file) => `src/${file.split(path.sep).join('/')}`)
    .sort();

  const hash = createHash('sha256');
  for (const [name, content] of [
    ['foundry.toml', settings],
    ['package.json', versions],
    ...sources.map((file) => [file, text(file)]),
  ]) {
    hash.update(`${name}\n${Buffer.byteLength(content)}\n${content}\n`);
  }
  return `0x${hash.digest('hex')}`;
}

/// Builds src/ alone, in a directory of its own: neither a stale cache nor a test that does not compile plays a part.
/// Gives the text of each artifact by contract name.
export function build() {
  const out = mkdtempSync(path.join(tmpdir(), 'tollbook-contracts-'));
  try {
    const forge = path.join(root, 'node_modules', '.bin', 'forge');
    const run = spawnSync(
      forge,
      ['build', 'src', '--out', path.join(out, 'out'), '--cache-path', path.join(out, 'cache')],
      { cwd: root, encoding: 'utf8' },
    );
    if (run.error) throw new Error(`forge cannot be started (was \`npm ci\` run here?): ${run.error.message}`);
    if (run.status !== 0) throw new Error(`forge build failed:\n${run.stdout}${run.stderr}`);

    const hash = sourceHash();
    return new Map(
      contracts.map((name) => {
        const built = JSON.parse(readFileSync(path.join(out, 'out', `${name}.sol`, `${name}.json`), 'utf8'));
        const artifact = {
          contractName: name,
          compiler: `solc ${built.metadata.compiler.version}`,
          sourceHash: hash,
          abi: built.abi,
          bytecode: { object: built.bytecode.object },
        };
        return [name, `${JSON.stringify(artifact, null, 2)}\n`];
      }),
    );
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
