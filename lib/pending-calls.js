/** The calls that have not been answered yet. */

/** @import { Resolve } from './types.js' */

/** @typedef {{ number: number, count: number, resolvers: (Resolve | undefined)[] }} Block */

const BLOCK_SIZE = 1024;

/**
 * The promises' resolvers by call id, in arrays of a fixed size. Ids are sequential, so that a Map of them is not needed.
 * V8 would re-allocate the table of a large Map again and again, and each table that it has come to count as old would
 * keep the results of its calls until a full garbage collection.
 */
class PendingCalls {
  constructor() {
    /** @type {Map<number, Block>} */
    this.blocks = new Map();
    /** @type {Block | undefined} */
    this.newest = undefined;
  }

  /**
   * @param {number} id
   * @param {Resolve} resolve
   */
  add(id, resolve) {
    const number = Math.floor(id / BLOCK_SIZE);
    let block = this.newest;
    if (block?.number !== number) block = this.begin(number);
    block.resolvers[id % BLOCK_SIZE] = resolve;
    block.count += 1;
  }

  /**
   * Removes a call. Returns `undefined` if there is none with that id.
   *
   * @param {number} id
   */
  take(id) {
    const block = this.blocks.get(Math.floor(id / BLOCK_SIZE));
    if (block === undefined) return undefined;
    const at = id % BLOCK_SIZE;
    const resolve = block.resolvers[at];
    if (resolve === undefined) return undefined;
    block.resolvers[at] = undefined;
    block.count -= 1;
    if (block !== this.newest) this.dropIfEmpty(block);
    return resolve;
  }

  isEmpty() {
    return [...this.blocks.values()].every(({ count }) => count === 0);
  }

  /** @param {number} number */
  begin(number) {
    if (this.newest !== undefined) this.dropIfEmpty(this.newest);
    // The block may exist already, because ids start again after the last one.
    const block = this.blocks.get(number) ?? { number, count: 0, resolvers: new Array(BLOCK_SIZE) };
    this.blocks.set(number, block);
    this.newest = block;
    return block;
  }

  /** @param {Block} block */
  dropIfEmpty({ number, count }) {
    if (count === 0) this.blocks.delete(number);
  }
}

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.PendingCalls = PendingCalls;
