// What most pages never ask for, in a file of its own that is fetched when something of it is. Its errors
// are of the classes that index.js exports.

export { describe } from './describe.js';
export { findOnHub } from './hub.js';
export { Lesson, show } from './lesson.js';
export { overlay } from './overlay.js';
export { packFiles } from './shards.js';
