/**
 * A list that is filled again and again. It keeps its room, and what is taken from it has no room to spare: many short
 * lists that were appended to one by one would take several times the memory.
 *
 * @module
 */

/** A list under construction. */
export class Scratch<T> {
  readonly #items: T[] = [];
  #length = 0;

  /**
   * Appends an item.
   *
   * @param item The item.
   */
  push(item: T): void {
    this.#items[this.#length++] = item;
  }

  /**
   * Empties the list.
   *
   * @returns What was in it.
   */
  take(): T[] {
    const items = this.#items.slice(0, this.#length);
    this.#length = 0;
    return items;
  }
}
