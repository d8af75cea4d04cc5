// Writes where the package and the crates are from into their manifests, for publishing: npm's provenance is
// refused without it, and only who publishes knows it.
//   node origin.mjs [ADDRESS]
// ADDRESS: of the repository, https://HOST/OWNER/NAME; in a workflow of GitHub's it is that of the repository.

import { readFileSync, writeFileSync } from 'node:fs';

const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env;
const given = process.argv[2] ?? (server && repository && `${server}/${repository}`);
const address = /^https:\/\/[\w.-]+\/[\w.-]+\/[\w.-]+?(?=(\.git)?\/?$)/.exec(given ?? '')?.[0];
if (!address) {
  console.error(
    `${given ? `${given} is no address of a repository` : 'Nothing says where this is published from'}. Give it as https://HOST/OWNER/NAME, or run this in a workflow of GitHub's.`,
  );
  process.exit(2);
}

/** The published ones among the crates. */
const CRATES = ['Cargo.toml', 'src/kernels/Cargo.toml'];
const at = (path) => new URL(`../../${path}`, import.meta.url);

const manifest = JSON.parse(readFileSync(at('www/package.json'), 'utf8'));
const origin = {
  homepage: `${address}#readme`,
  bugs: { url: `${address}/issues` },
  repository: { type: 'git', url: `git+${address}.git`, directory: 'www' },
};
writeFileSync(at('www/package.json'), `${JSON.stringify({ ...manifest, ...origin }, null, 2)}\n`);

for (const path of CRATES) {
  const text = readFileSync(at(path), 'utf8').replace(/^(homepage|repository) = .*\n/gm, '');
  const lines = `homepage = "${address}#readme"\nrepository = "${address}"\n`;
  writeFileSync(at(path), text.replace(/^\[package\]\n(name = .*\n)/m, `[package]\n$1${lines}`));
}
console.log(address);
