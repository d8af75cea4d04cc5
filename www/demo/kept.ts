// The history on this device, in IndexedDB, if somebody wants it there.

/** One picture that was looked at. */
export interface Entry {
  id: string;
  /** ISO 8601. */
  time: string;
  name: string;
  model: string;
  known: boolean;
  predictions: { label: string; score: number }[];
  /** A small JPEG, where the picture could be drawn. */
  thumbnail?: Blob;
}

/** Of this page alone: there may be another one in another folder of the same host. */
const NAME = `xception-history ${new URL('.', location.href).pathname}`;
const STORE = 'entries';

const KEPT = 'kept';
/** Not wanted any more, and perhaps still there: the window may have gone before it was removed. */
const LEFT = 'left';

/** Whether it is wanted; not where the browser keeps nothing for this page. What is left of it is removed. */
export async function wanted(): Promise<boolean> {
  let said: string | null = null;
  try {
    said = localStorage.getItem(NAME);
  } catch {
    return false;
  }
  if (said === LEFT) await want(false, []);
  return said === KEPT;
}

/** The decision holds at once, whatever becomes of the window; all that is there goes along. */
export async function want(is: boolean, entries: Entry[]): Promise<void> {
  localStorage.setItem(NAME, is ? KEPT : LEFT);
  try {
    await (is ? put(entries) : withStore('readwrite', (store) => store.clear()));
  } catch (error) {
    localStorage.setItem(NAME, is ? LEFT : KEPT); // The device did not do it.
    throw error;
  }
  if (localStorage.getItem(NAME) === LEFT) localStorage.removeItem(NAME);
}

export async function read(): Promise<Entry[]> {
  return (await withStore('readonly', (store) => store.getAll())) as Entry[];
}

export async function put(entries: Entry[]): Promise<void> {
  await withStore('readwrite', (store) => {
    for (const entry of entries) store.put(entry);
  });
}

export async function remove(ids: string[]): Promise<void> {
  await withStore('readwrite', (store) => {
    for (const id of ids) store.delete(id);
  });
}

let last: Promise<unknown> = Promise.resolve();

/** One after the other: the last word counts. */
function withStore(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest | void,
): Promise<unknown> {
  const done = last.then(() => run(mode, work));
  last = done.catch(() => {});
  return done;
}

async function run(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest | void,
): Promise<unknown> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
