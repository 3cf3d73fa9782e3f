import { Command } from 'ioredis';
import { isTimeout } from './failures.js';

/** A timer that is later than this, ms, tells of a process that did not run. */
const notRunning = 250;

/**
 * A command of which only such time counts as unanswered in which this process ran. After a pause of the machine, a container's
 * used-up share or a held-up event loop the timers come first: the answer lies unread in the socket, and a Redis that was
 * paused with us has yet to write it. The command is then given once more what it has missed, at most its own time; any
 * other one is given a turn of the event loop, which reads what has come.
 */
export class PatientCommand extends Command {
  #watched = false;

  constructor(name: string, args: readonly (string | number | Buffer)[]) {
    super(name, [...args], { replyEncoding: 'utf8' });
  }

  override setTimeout(ms: number): void {
    // A node of a Cluster may send it on to another one.
    if (this.#watched) return;
    this.#watched = true;
    const begun = performance.now();
    const { reject } = this;
    this.reject = (error) => {
      if (!isTimeout(error)) {
        reject(error);
        return;
      }
      this.reject = reject;
      const giveUp = (): void => {
        if (!this.isResolved) reject(error);
      };
      const late = performance.now() - begun - ms;
      if (late < notRunning) setImmediate(giveUp);
      else setTimeout(giveUp, Math.min(late, ms));
    };
    super.setTimeout(ms);
  }
}
