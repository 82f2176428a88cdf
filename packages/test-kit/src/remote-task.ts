import net from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { temporaryDirectory } from './repo.ts';

/**
 * A command for `devs run` that does what the test tells it, when the test tells it: no sleeping
 * and hoping. It connects to a socket of the test's and takes JSON lines.
 */
const SCRIPT = `
const net = require('node:net');
const fs = require('node:fs');
const { execSync } = require('node:child_process');
const socket = net.connect(process.argv[1]);
const say = (value) => socket.write(JSON.stringify(value) + '\\n');
socket.on('connect', () => say({ pid: process.pid, env: { run: process.env.DEVS_RUN_ID, lock: process.env.DEVS_LOCK_ID } }));
require('node:readline').createInterface({ input: socket }).on('line', (line) => {
  const { shell, exit } = JSON.parse(line);
  if (shell !== undefined) execSync(shell, { stdio: 'ignore' });
  if (exit !== undefined) process.exit(exit);
  say({ done: true });
});
`;

export interface Remote {
  readonly pid: number;
  readonly env: { readonly run?: string; readonly lock?: string };
  shell(command: string): Promise<void>;
  exit(code: number): void;
}

export class RemoteTask {
  readonly #server: net.Server;
  readonly #socket: string;

  private constructor(server: net.Server, socket: string) {
    this.#server = server;
    this.#socket = socket;
  }

  static async listen(): Promise<RemoteTask> {
    const socket = path.join(temporaryDirectory(), 'task.sock');
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    return new RemoteTask(server, socket);
  }

  /** Words to put after `devs run --`. */
  get command(): [string, ...string[]] {
    return [process.execPath, '-e', SCRIPT, this.#socket];
  }

  /** Resolves when the command has been started. */
  connected(): Promise<Remote> {
    return new Promise((resolve) => this.#server.once('connection', (socket) => this.#greet(socket, resolve)));
  }

  #greet(socket: net.Socket, resolve: (remote: Remote) => void): void {
    let text = '';
    const waiting: ((value: unknown) => void)[] = [
      (hello) => {
        const { pid, env } = hello as Pick<Remote, 'pid' | 'env'>;
        const ask = (request: object) =>
          new Promise<void>((done) => {
            waiting.push(() => done());
            socket.write(`${JSON.stringify(request)}\n`);
          });
        resolve({
          pid,
          env,
          shell: (command) => ask({ shell: command }),
          exit: (code) => socket.write(`${JSON.stringify({ exit: code })}\n`),
        });
      },
    ];
    socket.on('error', () => {});
    socket.on('data', (data) => {
      text += data;
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
        waiting.shift()?.(JSON.parse(text.slice(0, end)));
        text = text.slice(end + 1);
      }
    });
  }

  close(): void {
    this.#server.close();
  }
}
