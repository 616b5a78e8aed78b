// @ts-check
/**
 * A drawer of this browser that keys are kept in (IndexedDB): the only storage that takes keys which cannot be read.
 */

const DATABASE = "axenix";
const DRAWER = "devices";

/** @typedef {{ get: (name: string) => Promise<any>, put: (name: string, value: any) => Promise<void> }} KeyStore */

/** @returns {KeyStore} */
export function keyStore() {
  return {
    get: (name) => inside("readonly", (drawer) => drawer.get(name)),
    put: async (name, value) => void (await inside("readwrite", (drawer) => drawer.put(value, name))),
  };
}

/** @param {IDBTransactionMode} mode @param {(drawer: IDBObjectStore) => IDBRequest} ask */
async function inside(mode, ask) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(DRAWER);
  const database = await answered(opening);
  try {
    const transaction = database.transaction(DRAWER, mode);
    return await answered(ask(transaction.objectStore(DRAWER)));
  } finally {
    database.close();
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
