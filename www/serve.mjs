// A static server for the built page: this machine only, no dependencies. (sirv 3.0.2 ends with the first file that
// cannot be read, and sends a 304 or 404 without the page's policy.)
//   node serve.mjs [--port N] [--root DIR]

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { COURIER, COURIER_POLICY, ISOLATION, POLICY } from './scripts/policy.mjs';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

export { POLICY };

const HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': POLICY,
  ...ISOLATION,
  'X-Content-Type-Options': 'nosniff',
};

const SITE = fileURLToPath(new URL('dist/site', import.meta.url));

/**
 * Serves `root` on 127.0.0.1; port 0 takes a free one. `first` may answer a request itself.
 * `headers` come on top of the usual ones; undefined takes one away.
 */
export function serve({ root = SITE, port = 0, first = () => false, headers = {} } = {}) {
  const base = resolve(root);
  const all = { ...HEADERS, ...headers };
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
  const server = createServer((request, response) => {
    if (!first(request, response))
      file(base, all, request, response).catch(() => answer(response, all, 404));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function file(base, usual, request, response) {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  // Whatever the answer is: what is told beside a 304 replaces what came with the file.
  const headers =
    // In whatever folder the site is.
    pathname.endsWith(`/${COURIER}`)
      ? { ...usual, 'Content-Security-Policy': COURIER_POLICY }
      : usual;
  const path = join(base, decodeURIComponent(pathname).replace(/\/$/, '/index.html'));
  if (!path.startsWith(base + sep)) return answer(response, headers, 404);
  const found = await stat(path);
  if (!found.isFile()) return answer(response, headers, 404);
  const { mtimeMs, size } = found;
  const tag = `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;
  if (request.headers['if-none-match'] === tag)
    return answer(response, { ...headers, ETag: tag }, 304);
  response.writeHead(200, {
    ...headers,
    'Content-Length': size,
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    ETag: tag,
  });
  if (request.method === 'HEAD') return response.end();
  const content = createReadStream(path);
  // It may not be readable, or go away while it is sent: that ends one answer, not the server.
  content.on('error', () => response.destroy());
  content.pipe(response);
}

function answer(response, headers, status) {
  response.writeHead(status, { ...headers, 'Content-Type': 'text/plain' });
  response.end(status === 404 ? 'Not found' : undefined);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '8080' }, root: { type: 'string' } },
  });
  const server = await serve({ root: values.root, port: Number(values.port) });
  console.log(`http://localhost:${server.address().port}/`);
}
