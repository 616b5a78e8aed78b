// What localStorage does, for as long as a test.

export class FakeStorage {
  kept = new Map();

  getItem(name) {
    return this.kept.get(name) ?? null;
  }

  setItem(name, text) {
    this.kept.set(name, String(text));
  }

  removeItem(name) {
    this.kept.delete(name);
  }
}
