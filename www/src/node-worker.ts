// The worker in Node, Bun and Deno. scripts/build.mjs puts the files for Node in place of those for browsers.

import './realm.node.js';
import './worker.js';
