// Serves the benchmark's site to its own browser: cross-origin isolated, so that threads run, and
// without the page's content policy, which the peers' blob scripts would break.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};
const ISOLATED = {
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Answers on a free port of this machine; `seen` collects the paths of what was there. */
export function serve(root, seen) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    const file = join(root, path === '/' ? 'index.html' : path);
    const size = await stat(file).then(
      (found) => found.isFile() && found.size,
      () => false,
    );
    if (size === false) return response.writeHead(404, ISOLATED).end();
    seen.add(path);
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { ...ISOLATED, 'Content-Length': size, 'Content-Type': type });
    createReadStream(file, { highWaterMark: 1 << 20 }).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
