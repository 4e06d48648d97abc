// A coturn server on the loopback, for calls that go through a relay.
//
//   const turn = await startTurn();
//   ... passerby --ice-servers ${turn.urls} --turn-secret ${turn.secret} --video-relay-only
//   await turn.stop();
//
// By hand, until it is interrupted: `node turn.js`.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const HOST = '127.0.0.1';

/**
 * Starts a TURN server that takes what Passerby issues with the same secret. It relays on the loopback, too, which a real one must not.
 * @returns {Promise<{urls: string, port: number, secret: string, log: () => Promise<string>, stop: () => Promise<void>}>}
 * `urls` is for the key `ice_servers`; `log` is what it has logged, one `session ... usage` line for each relay that ended.
 */
export async function startTurn({ secret = randomBytes(24).toString('hex') } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'passerby-turn-'));
  const port = await freePort();
  const logFile = join(folder, 'log');
  const child = spawn('turnserver', [
    '-n', '--no-cli', '--no-tls', '--no-dtls', '--listening-ip', HOST, '--relay-ip', HOST,
    '--listening-port', String(port), '--use-auth-secret', '--static-auth-secret', secret, '--realm', 'passerby.test',
    '--fingerprint', '--allow-loopback-peers', '--userdb', join(folder, 'turndb'), '--pidfile', join(folder, 'pid'),
    '--log-file', logFile, '--simple-log', '--verbose', '--relay-threads', '1',
  ], { stdio: 'ignore' });
  let fault = null;
  child.on('error', (error) => { fault = error; });
  const log = () => readFile(logFile, 'utf8').catch(() => '');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null && !fault) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  for (let tries = 0; !(await isOpen(port)); tries += 1) {
    if (fault || child.exitCode !== null || tries > 200) {
      const why = fault ?? (await log());
      await stop();
      throw new Error(`turnserver (of the package coturn) does not start: ${why}`);
    }
    await wait(50);
  }
  const urls = [`stun:${HOST}:${port}`, `turn:${HOST}:${port}?transport=udp`, `turn:${HOST}:${port}?transport=tcp`].join(',');
  return { urls, port, secret, log, stop };
}

async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function isOpen(port) {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const turn = await startTurn({ secret: process.env.PASSERBY_TURN_SECRET });
  console.log(`PASSERBY_TURN_SECRET=${turn.secret} PASSERBY_ICE_SERVERS=${turn.urls}`);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => turn.stop());
}
