import type { Flow } from '../transport.js';
import type { ServerEnv, ServerUser } from './server-invite.js';
import { lifetime, Timer } from './timers.js';

export type ServerNonInviteState = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** Non-INVITE server transaction (RFC 3261 17.2.2): timer J, zero on reliable transports. */
export class ServerNonInvite {
  state: ServerNonInviteState = 'trying';
  readonly #env: ServerEnv;
  readonly #user: ServerUser;
  readonly #reliable: boolean;
  readonly #deadline: Timer;
  #last: Buffer | undefined;

  constructor(env: ServerEnv, user: ServerUser, flow: Pick<Flow, 'transport'>) {
    this.#env = env;
    this.#user = user;
    this.#reliable = flow.transport !== 'udp';
    this.#deadline = new Timer(env.clock);
  }

  respond(status: number, bytes: Buffer): boolean {
    if (this.state === 'completed' || this.state === 'terminated') return false;
    this.#last = bytes;
    if (status < 200) {
      this.state = 'proceeding';
    } else {
      this.state = 'completed';
      this.#deadline.start(this.#reliable ? 0 : lifetime(this.#env.timers), () => this.#terminate());
    }
    this.#env.send(bytes);
    return true;
  }

  /** The request came again: nothing in Trying, the last response otherwise. */
  retransmission(): void {
    if (this.#last) this.#env.send(this.#last);
  }

  stop(): void {
    if (this.state !== 'terminated') this.#terminate();
  }

  #terminate(): void {
    this.state = 'terminated';
    this.#last = undefined;
    this.#deadline.stop();
    this.#user.onTerminated();
  }
}
