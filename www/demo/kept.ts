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

/** Whether it is wanted; not where the browser keeps nothing for this page. */
export function wanted(): boolean {
  try {
    return localStorage.getItem(NAME) !== null;
  } catch {
    return false;
  }
}

export function want(is: boolean): void {
  if (is) localStorage.setItem(NAME, 'kept');
  else localStorage.removeItem(NAME);
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

export async function removeAll(): Promise<void> {
  await withStore('readwrite', (store) => store.clear());
}

async function withStore(
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
