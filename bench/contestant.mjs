/** A candidate's process, seen from the benchmark. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url));

export class Contestant {
  /** @type {string[]} */
  operations = [];

  /**
   * @param {string} name
   * @param {{url: string, max: number, sessions: number}} target
   */
  constructor(name, target) {
    this.name = name;
    this.process = fork(WORKER, [JSON.stringify({ name, ...target })]);
  }

  /** @param {string} name @param {{url: string, max: number, sessions: number}} target */
  static async start(name, target) {
    const contestant = new Contestant(name, target);
    contestant.operations = await contestant.answer();
    return contestant;
  }

  /** @param {object} order @returns {Promise<any>} */
  async ask(order) {
    this.process.send(order);
    return this.answer();
  }

  /** @returns {Promise<any>} */
  answer() {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error(`${this.name}: its process ended`));
      this.process.once('exit', onExit);
      this.process.once('message', (/** @type {any} */ { result, error }) => {
        this.process.off('exit', onExit);
        if (error === undefined) resolve(result);
        else reject(new Error(`${this.name}: ${error}`));
      });
    });
  }

  close() {
    return new Promise((resolve) => {
      this.process.once('exit', resolve);
      this.process.send({ close: true });
    });
  }
}
